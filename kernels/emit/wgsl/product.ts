import { axisIndex, constIndex, flatIndex, type Atom, type Axis, type Index } from '../../../core'
import type { Kernel } from '../../kernel'
import type { Contraction, Operand } from '../contraction'
import { partsOf, rewriter, type Rewriter } from '../rebuild'
import { Levels, Scope } from '../scope'
import { coordinates } from './flat'
import { asStored, elementType, formats } from './memory'
import { foldGroups, type ShaderText, type Sharing, type WgslLimits, type WgslProgram } from './program'
import { WgslValues, type ValueContext } from './values'

/** What all shaders of matrix products have in common. */

/** The axes of a product in terms of the numbers b, i, j and k of its batch, row, column and step. */
export const namesOf = ({ axes, batch, m, n, k }: Contraction): Rewriter =>
  rewriter(
    new Map([
      ...coordinates(axes.batch, 'b', batch),
      ...coordinates(axes.m, 'i', m),
      ...coordinates(axes.n, 'j', n),
      ...coordinates(axes.k, 'k', k),
    ]),
  )

/** Whether products can be written as they are made: narrow elements share words, which then must belong to one thread. */
export const canStore = ({ c, m, n, batch }: Contraction, perWord: number): boolean =>
  perWord === 1 ||
  (perWord === 2 &&
    n % 2 === 0 &&
    c.n.every((at, j) => (j % 2 === 0 ? at % 2 === 0 : at === c.n[j - 1]! + 1)) &&
    [c.m.slice(0, m), c.batch.slice(0, batch)].every((table) => table.every((at) => at % 2 === 0)))

/** Slots that something else than one operand's tile reads. */
export const otherReads = ({ a, b, epilogue }: Contraction, { same }: Sharing): ReadonlySet<number> => {
  const first = (slot: number): number => same?.[slot] ?? slot
  const reads =
    epilogue === undefined ? [] : partsOf([epilogue]).scalars.flatMap((s) => (s.tag === 'load' ? [s.slot] : []))
  const slots = new Set(reads.map(first))
  if (first(a.slot) === first(b.slot)) slots.add(first(a.slot))
  return new Set([a.slot, b.slot].filter((slot) => slots.has(first(slot))))
}

/** Whether `n` elements along some axes, from a multiple of n on, lie side by side in memory, from a multiple of n on. */
export const areSideBySide = (
  n: 2 | 4,
  { index, slot, dtype }: Operand,
  along: readonly Axis[],
  others: ReadonlySet<number>,
): boolean => {
  const inner = along.at(-1)
  if (inner === undefined || inner.size % n !== 0 || others.has(slot) || formats[dtype].quad === undefined) return false
  const isInner = (atom: Atom): boolean => atom.tag === 'axis' && atom.name === inner.name
  return (
    index.constant % n === 0 &&
    index.terms.some(({ atom, coef }) => isInner(atom) && coef === 1) &&
    index.terms.every(({ atom, coef }) => isInner(atom) || coef % n === 0)
  )
}

/** Whether neighbours along some axes are neighbours in memory. */
export const movesAlong = ({ index }: Operand, axes: readonly Axis[]): boolean =>
  index.terms.some((t) => t.coef === 1 && t.atom.tag === 'axis' && t.atom.name === axes.at(-1)?.name)

const checkPlace = (kernel: Kernel, slot: number, x: Index): void => {
  const { size } = kernel.inputs[slot]!
  if (!(x.min >= 0 && x.max < size))
    throw new Error(
      `internal: ${kernel.name}: reads slot ${slot} of ${size} elements at [${x.min}, ${x.max}] (${x.key})`,
    )
}

/** A function of `shader` that is printed as values: its text ends with `return`. */
const declareFunction = (
  shader: ShaderText,
  head: string,
  result: (values: WgslValues) => string,
  load: ValueContext['load'] = () => '',
): void => {
  const scope = new Scope(0, undefined, 'v', 'let')
  const levels = new Levels([])
  const text = result(new WgslValues({ scope, levels, axis: (axis) => axis, load, acc: 'acc', uses: shader.uses }))
  const lines = [...scope.lines[0]!, `return ${text};`]
  shader.declare(`fn ${head} {\n${lines.map((l) => `  ${l}`).join('\n')}\n}`)
}

/** `readA(b, i, k)` or `readB(b, j, k)`: what `load` makes of the place of an operand's element. */
export const declareRead = (
  kernel: Kernel,
  shader: ShaderText,
  name: 'A' | 'B',
  { slot, index }: Operand,
  names: Rewriter,
  type: string,
  load: (slot: number, place: string) => string,
): void => {
  const place = names.index(index)
  checkPlace(kernel, slot, place)
  const head = `read${name}(b : i32, ${name === 'A' ? 'i' : 'j'} : i32, k : i32) -> ${type}`
  declareFunction(shader, head, (values) => load(slot, values.index(place)))
}

/** `place(b, i, j)`: where a product goes; `finish(b, i, j, acc)`: what the kernel makes of it. */
export const declareFinish = (
  kernel: Kernel,
  shader: ShaderText,
  { axes, epilogue }: Contraction,
  names: Rewriter,
): void => {
  const { dtype } = kernel.output
  declareFunction(
    shader,
    `finish(b : i32, i : i32, j : i32, acc : f32) -> ${elementType(dtype)}`,
    (values) => (epilogue === undefined ? 'acc' : asStored(epilogue, values.value(names.scalar(epilogue)), dtype)),
    (slot, x, text) => {
      checkPlace(kernel, slot, x)
      return shader.load(slot, text)
    },
  )
  const coords = axes.c.map((a) => (a.size > 1 ? axisIndex(a.name, a.size) : constIndex(0)))
  const sizes = axes.c.map((a) => a.size)
  declareFunction(shader, 'place(b : i32, i : i32, j : i32) -> i32', (values) =>
    values.index(names.index(flatIndex(coords, sizes))),
  )
}

/** A workgroup for each tile of each batch entry: `b`, and `row` and `column` of the tile's first element, in lines of `main`. */
export const tileGrid = (
  { m, n, batch }: Contraction,
  tile: { readonly rows: number; readonly columns: number },
  limits: WgslLimits,
): { readonly groups: WgslProgram['groups']; readonly lines: readonly string[] } => {
  const [down, across] = [Math.ceil(m / tile.rows), Math.ceil(n / tile.columns)]
  const count = down * across * batch
  const { groups, number } = foldGroups(count, limits)
  return {
    groups,
    lines: [
      `let tile = ${number};`,
      ...(groups[0] * groups[1] === count ? [] : [`if (tile >= ${count}) { return; }`]),
      `let b = tile / ${down * across};`,
      `let row = ((tile / ${across}) % ${down}) * ${tile.rows};`,
      `let column = (tile % ${across}) * ${tile.columns};`,
    ],
  }
}

/** The part of C that lies in workgroup memory at once. */
export interface Stage {
  readonly tile: { readonly rows: number; readonly columns: number }
  readonly threads: number
  readonly rows: number
  readonly columns: number
  /** The row of C that its row r is, from `row` on. */
  readonly rowOf: (r: string) => string
  /** The column of C that its column c is, from `column` on. */
  readonly columnOf: (c: string) => string
  /** Its element `at`, an f32. */
  readonly staged: (at: string) => string
}

/** `flush(b, row, column, lane)`: writes what lies in workgroup memory, neighbours by neighbours. */
export const declareFlush = (
  kernel: Kernel,
  shader: ShaderText,
  { m, n }: Contraction,
  { tile, threads, rows, columns, rowOf, columnOf, staged }: Stage,
): void => {
  const { perWord } = formats[kernel.output.dtype]
  const elements = Array.from({ length: perWord }, (_, e) => {
    const plus = e === 0 ? '' : ` + ${e}`
    return `finish(b, i, j${plus}, ${staged(`at${plus}`)})`
  })
  const inside = [...(m % tile.rows === 0 ? [] : [`i < ${m}`]), ...(n % tile.columns === 0 ? [] : [`j < ${n}`])].join(
    ' && ',
  )
  const store = shader.store(`place(b, i, j)${perWord === 1 ? '' : ` / ${perWord}`}`, elements)
  shader.declare(
    [
      'fn flush(b : i32, row : i32, column : i32, lane : i32) {',
      `  for (var e = lane; e < ${(rows * columns) / perWord}; e += ${threads}) {`,
      `    let at = e${perWord === 1 ? '' : ` * ${perWord}`};`,
      `    let i = ${rowOf(`at / ${columns}`)};`,
      `    let j = ${columnOf(`at % ${columns}`)};`,
      `    ${inside === '' ? store : `if (${inside}) { ${store} }`}`,
      '  }',
      '}',
    ].join('\n'),
  )
}
