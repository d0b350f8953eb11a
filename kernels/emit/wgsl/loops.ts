import type { Axis, Scalar, Term } from '../../../core'
import type { Kernel } from '../../kernel'
import { partsOf } from '../rebuild'
import { After, Levels, Scope } from '../scope'
import { flatten, type Flat } from './flat'
import { asStored, elementType } from './memory'
import type { ShaderText } from './program'
import { WgslValues, wgslType, type ValueContext } from './values'

/** Threads of a workgroup, at most. */
export const threads = 256
/** Steps of a sum before it is added to the total: long f32 sums lose digits. */
const block = 512

/** A kernel that becomes functions of a shader. */
export interface Printed {
  readonly kernel: Kernel
  readonly flat: Flat
  readonly load: ValueContext['load']
  /** Ends the names of its functions. */
  readonly suffix: string
  /** Parameters that its functions have beside `o`, the number of the element, declared and as they are handed on. */
  readonly extra: readonly { readonly name: string; readonly type: string }[]
}

export const parametersOf = ({ extra }: Printed): string => extra.map((p) => `, ${p.name} : ${p.type}`).join('')
export const argumentsOf = ({ extra }: Printed): string => extra.map((p) => `, ${p.name}`).join('')

const kAxis = (length: number): Axis => ({ tag: 'axis', name: 'k', size: length })

/** Prints values, with the variables `o`, `k` and `acc` in scope. */
const printer = (load: ValueContext['load'], shader: ShaderText, scope: Scope, loops: readonly Axis[]): WgslValues =>
  new WgslValues({ scope, levels: new Levels(loops), axis: (name) => name, load, acc: 'acc', uses: shader.uses })

const functionText = (head: string, lines: readonly string[]): string =>
  `fn ${head} {\n${lines.map((l) => `  ${l}`).join('\n')}\n}`

/** `element(o) -> T`: what one thread computes alone, its reduction included. */
export const declareElement = (printed: Printed, shader: ShaderText): void => {
  const { kernel, flat, load, suffix } = printed
  const { length, roots } = flat
  const before = new Scope(1, undefined, 'v', 'let')
  const values = printer(load, shader, before, [kAxis(length)])
  const lines: string[] = []
  if (kernel.reduce !== undefined) {
    const count = roots.count === undefined ? String(length) : `min(${length}, ${values.value(roots.count)})`
    if (length === 0) lines.push(`var acc = ${startOf(kernel, shader)};`)
    else {
      const term = values.value(roots.reduced!)
      const loop = { from: '0', step: 1, count, length, inner: before.lines[1]!, term }
      lines.push(...before.lines[0]!, ...printLoop(kernel, loop, shader))
    }
  }
  const after = new After(before, 'let')
  const result = asStored(roots.body, printer(load, shader, after, []).value(roots.body), kernel.output.dtype)
  lines.push(...after.lines[0]!, `return ${result};`)
  shader.declare(
    functionText(`element${suffix}(o : i32${parametersOf(printed)}) -> ${elementType(kernel.output.dtype)}`, lines),
  )
}

/**
 * `reduced(o, lane, turn) -> S`: the reduction of one element by the `lanes` threads of a row, of which this one is number `turn`; and
 * `finished(o, acc) -> T`: what follows it. All threads of the workgroup call the first, each for the element of its own row.
 */
export const declareReduction = (printed: Printed, lanes: number, shader: ShaderText): void => {
  const { kernel, flat, load, suffix } = printed
  const { roots, length } = flat
  const { fn, body } = kernel.reduce!
  const type = accType(printed)
  shader.shared(partsName(printed), `array<${partType(printed)}, ${threads}>`)
  if (fn === 'argmax') shader.shared('places', `array<i32, ${threads}>`)
  const before = new Scope(1, undefined, 'v', 'let')
  const term = printer(load, shader, before, [kAxis(length)]).value(roots.reduced!)
  const loop = { from: 'turn', step: lanes, count: String(length), length, inner: before.lines[1]!, term }
  const parts = partsName(printed)
  const lines = [...before.lines[0]!, ...printLoop(kernel, loop, shader), ...joinLanes(kernel, parts, lanes)]
  if (fn === 'max' && body.type === 'real') shader.uses('most')
  const head = `reduced${suffix}(o : i32, lane : i32, turn : i32${parametersOf(printed)}) -> ${type}`
  shader.declare(functionText(head, [...lines, `return ${fn === 'argmax' ? 'places' : parts}[lane - turn];`]))
  const after = new Scope(0, undefined, 'w', 'let')
  const result = asStored(roots.body, printer(load, shader, after, []).value(roots.body), kernel.output.dtype)
  shader.declare(
    functionText(
      `finished${suffix}(o : i32, acc : ${type}${parametersOf(printed)}) -> ${elementType(kernel.output.dtype)}`,
      [...after.lines[0]!, `return ${result};`],
    ),
  )
}

/** What a reduction leaves in `acc`. */
const accType = ({ kernel, flat }: Printed): string =>
  kernel.reduce!.fn === 'argmax' ? 'i32' : wgslType[flat.roots.reduced!.type]
const partType = ({ kernel, flat }: Printed): string =>
  wgslType[kernel.reduce!.fn === 'argmax' ? kernel.reduce!.body.type : flat.roots.reduced!.type]
/** Reductions of one type use the same memory, one after another. */
const partsName = (printed: Printed): string => `parts_${partType(printed)}`

/** Starts a reduction that found nothing. */
const startOf = (kernel: Kernel, shader: ShaderText): string => {
  if (kernel.reduce!.fn === 'argmax') return '0'
  if (kernel.reduce!.body.type === 'int') return kernel.reduce!.fn === 'sum' ? '0' : '(-2147483647 - 1)'
  if (kernel.reduce!.fn === 'sum') return '0.0'
  shader.uses('infinity')
  return '-infinity()'
}

/** What one thread adds up: `term`, after the lines `inner`, for k = from, from + step, ... below `count`, at most `length`. */
interface Loop {
  readonly from: string
  readonly step: number
  readonly count: string
  readonly length: number
  readonly inner: readonly string[]
  readonly term: string
}

/** The loop of one thread; leaves its result in `acc` (argmax: and `best`). */
const printLoop = (
  kernel: Kernel,
  { from, step, count, length, inner, term }: Loop,
  shader: ShaderText,
): readonly string[] => {
  const start = startOf(kernel, shader)
  const { fn, body } = kernel.reduce!
  if (fn === 'argmax') {
    shader.uses('infinity')
    const least = body.type === 'int' ? '(-2147483647 - 1)' : '-infinity()'
    return [
      `var acc = 0;`,
      `var best = ${least};`,
      `for (var k = ${from}; k < ${count}; k += ${step}) {`,
      ...inner.map((l) => `  ${l}`),
      `  if (${term} > best) { best = ${term}; acc = k; }`, // NaN is never best
      '}',
    ]
  }
  if (fn === 'max') {
    const isReal = body.type === 'real'
    if (isReal) shader.uses('most')
    return [
      `var acc = ${start};`,
      `for (var k = ${from}; k < ${count}; k += ${step}) {`,
      ...inner.map((l) => `  ${l}`),
      `  acc = ${isReal ? 'most' : 'max'}(acc, ${term});`,
      '}',
    ]
  }
  // One term is its own sum: added to 0 it would lose bits where subnormals are flushed.
  if (length === 1 && count === '1') return [`let k = ${from};`, ...inner, `let acc = ${term};`]
  const add = (to: string): readonly string[] => [...inner.map((l) => `  ${l}`), `  ${to} += ${term};`]
  if (length <= block * step || body.type === 'int')
    return [`var acc = ${start};`, `for (var k = ${from}; k < ${count}; k += ${step}) {`, ...add('acc'), '}']
  return [
    `var acc = ${start};`,
    `for (var b = ${from}; b < ${count}; b += ${block * step}) {`,
    `  var part = ${start};`,
    `  let end = min(b + ${block * step}, ${count});`,
    `  for (var k = b; k < end; k += ${step}) {`,
    ...add('part').map((l) => `  ${l}`),
    '  }',
    '  acc += part;',
    '}',
  ]
}

/** Threads of a row that share one reduction; 1: a thread reduces alone. */
export const lanesFor = (kernel: Kernel, { size, length, roots }: Flat = flatten(kernel)): number => {
  if (kernel.reduce === undefined || kernel.reduce.count !== undefined || length < 32) return 1
  // Side by side in memory along the reduction: neighbouring threads should read neighbouring elements of one row.
  const along = readsAlong(roots.reduced!, 'k')
  const across = readsAlong(roots.reduced!, 'o')
  if (!along && (across || size >= 4096)) return 1
  return lanesAlong(length)
}

/** Threads for so many elements side by side: each takes a few of them. */
export const lanesAlong = (length: number): number =>
  Math.min(threads, Math.max(32, 2 ** Math.floor(Math.log2(Math.max(1, length / 4)))))

/** Whether some load moves by one element with the axis. */
const readsAlong = (root: Scalar, axis: string): boolean => {
  const moves = ({ coef, atom }: Term): boolean =>
    coef === 1 &&
    ((atom.tag === 'axis' && atom.name === axis) || (atom.tag === 'mod' && atom.x.terms.some((t) => moves(t))))
  return partsOf([root]).scalars.some((s) => s.tag === 'load' && s.index.terms.some(moves))
}

/** The results of a row's threads as one, by halves. */
const joinLanes = (kernel: Kernel, parts: string, lanes: number): readonly string[] => {
  const { fn, body } = kernel.reduce!
  const isArgmax = fn === 'argmax'
  const other = `${parts}[lane + span]`
  const joined =
    fn === 'sum'
      ? [`${parts}[lane] += ${other};`]
      : fn === 'max'
        ? [`${parts}[lane] = ${body.type === 'real' ? 'most' : 'max'}(${parts}[lane], ${other});`]
        : [
            `let other = ${other};`,
            // The first of equal ones.
            `if (other > ${parts}[lane] || (other == ${parts}[lane] && places[lane + span] < places[lane])) {`,
            `  ${parts}[lane] = other;`,
            '  places[lane] = places[lane + span];',
            '}',
          ]
  return [
    'workgroupBarrier();', // who reads the last result is done with it
    ...(isArgmax ? [`${parts}[lane] = best;`, 'places[lane] = acc;'] : [`${parts}[lane] = acc;`]),
    'workgroupBarrier();',
    `for (var span = ${lanes / 2}; span > 0; span = span >> 1u) {`,
    '  if (turn < span) {',
    ...joined.map((l) => `    ${l}`),
    '  }',
    '  workgroupBarrier();',
    '}',
  ]
}
