import { axisIndex, constIndex, divIndex, modIndex, sizeOf, type Axis, type Index, type Scalar } from '../../../core'
import type { Kernel } from '../../kernel'
import { mapRoots, shapeLoops, type Roots } from '../loop-shape'
import { rewriter } from '../rebuild'
import { Levels, Scope } from '../scope'
import { asStored, elementType, formats, wordsOf } from './memory'
import { foldGroups, ShaderText, type Sharing, type WgslLimits, type WgslProgram } from './program'
import { wgslType, WgslValues } from './values'

/** A kernel whose output is one axis `o` of `size` elements and whose reduction is one axis `k` of `length` steps. */
interface Flat {
  readonly size: number
  readonly length: number
  readonly roots: Roots
}

const flatten = (kernel: Kernel): Flat => {
  const shape = shapeLoops(kernel)
  const [size, length] = [sizeOf(shape.axes.map((a) => a.size)), sizeOf(shape.reduceAxes.map((a) => a.size))]
  const change = rewriter(
    new Map([...coordinates(shape.axes, 'o', size), ...coordinates(shape.reduceAxes, 'k', length)]),
  )
  return { size, length, roots: mapRoots(shape.roots, change.scalar) }
}

/** Axes in terms of one that numbers their points. */
export const coordinates = (
  axes: readonly Axis[],
  name: string,
  size: number,
): readonly (readonly [string, Index])[] => {
  let rest = size > 1 ? axisIndex(name, size) : constIndex(0)
  const out: (readonly [string, Index])[] = []
  for (const axis of [...axes].reverse()) {
    out.push([axis.name, modIndex(rest, axis.size)])
    rest = divIndex(rest, axis.size)
  }
  return out
}

const threads = 256
/** Steps of a sum before it is added to the total: long f32 sums lose digits. */
const block = 512

/** A kernel that is no matrix product, as a shader. */
export const emitWgsl = (kernel: Kernel, limits: WgslLimits, sharing: Sharing = {}): WgslProgram => {
  const flat = flatten(kernel)
  if (flat.size !== sizeOf(kernel.output.shape) || flat.size === 0)
    throw new Error(`internal: ${kernel.name}: expected ${sizeOf(kernel.output.shape)} > 0 points, got ${flat.size}`)
  const shader = new ShaderText(kernel.inputs, kernel.output.dtype, sharing)
  const width = kernel.reduce === undefined ? 1 : laneCount(kernel, flat)
  return width === 1 ? printThreads(kernel, flat, shader, limits) : printGroups(kernel, flat, shader, limits, width)
}

/** A load that is proved to lie inside its input, or this throws: the kernel is wrong, not its data. */
const loader =
  (kernel: Kernel, shader: ShaderText) =>
  (slot: number, x: Index, text: string): string => {
    const input = kernel.inputs[slot]
    if (input === undefined || !(x.min >= 0 && x.max < input.size))
      throw new Error(
        `internal: ${kernel.name}: reads slot ${slot} of ${input?.size} elements at [${x.min}, ${x.max}] (${x.key})`,
      )
    return shader.load(slot, text)
  }

const kAxis = (length: number): Axis => ({ tag: 'axis', name: 'k', size: length })

/** Lines that compute roots, with the variables `o`, `k` and `acc` in scope. */
const printer = (
  kernel: Kernel,
  shader: ShaderText,
  scope: Scope,
  loops: readonly Axis[],
): { readonly values: WgslValues; readonly levels: Levels } => {
  const levels = new Levels(loops)
  const load = loader(kernel, shader)
  return {
    values: new WgslValues({ scope, levels, axis: (name) => name, load, acc: 'acc', uses: shader.uses }),
    levels,
  }
}

/** `fn element(o : i32) -> T`, with what stands before and after its loop over k. */
const declareElement = (kernel: Kernel, { length, roots }: Flat, shader: ShaderText): void => {
  const before = new Scope(1, undefined, 'v', 'let')
  const { values } = printer(kernel, shader, before, [kAxis(length)])
  const lines: string[] = []
  if (kernel.reduce !== undefined) {
    const count = roots.count === undefined ? String(length) : `min(${length}, ${values.value(roots.count)})`
    const term = length === 0 ? '' : values.value(roots.reduced!)
    lines.push(...before.lines[0]!)
    if (length > 0) lines.push(...printLoop(kernel, roots.reduced!, count, '0', 1, before.lines[1]!, term, shader))
    else lines.push(`var acc = ${startOf(kernel, shader)};`)
  }
  const after = new After(before)
  const last = printer(kernel, shader, after, [])
  const result = asStored(roots.body, last.values.value(roots.body), kernel.output.dtype)
  lines.push(...after.lines[0]!, `return ${result};`)
  const type = elementType(kernel.output.dtype)
  shader.declare(`fn element(o : i32) -> ${type} {\n${lines.map((l) => `  ${l}`).join('\n')}\n}`)
}

/** Starts a reduction that found nothing. */
const startOf = (kernel: Kernel, shader: ShaderText): string => {
  if (kernel.reduce!.fn === 'argmax') return '0'
  if (kernel.reduce!.body.type === 'int') return kernel.reduce!.fn === 'sum' ? '0' : '(-2147483647 - 1)'
  if (kernel.reduce!.fn === 'sum') return '0.0'
  shader.uses('infinity')
  return '-infinity()'
}

/** The loop of one thread over k = from, from + step, ... below count; leaves its result in `acc` (argmax: and `best`). */
const printLoop = (
  kernel: Kernel,
  body: Scalar,
  count: string,
  from: string,
  step: number,
  inner: readonly string[],
  term: string,
  shader: ShaderText,
): readonly string[] => {
  const start = startOf(kernel, shader)
  const { fn } = kernel.reduce!
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
  const { length } = flatten(kernel)
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

/** What stands before the loop is known after it as well. */
class After extends Scope {
  constructor(private readonly earlier: Scope) {
    super(0, undefined, 'w', 'let')
  }
  override find(key: string): string | undefined {
    return super.find(key) ?? this.earlier.find(key)
  }
}

const workgroupId = '@builtin(workgroup_id) wg : vec3<u32>'
const laneId = '@builtin(local_invocation_index) lane : u32'

/** A thread for each word of the output. */
const printThreads = (kernel: Kernel, flat: Flat, shader: ShaderText, limits: WgslLimits): WgslProgram => {
  const words = wordsOf(kernel.output.shape, kernel.output.dtype)
  declareElement(kernel, flat, shader)
  const width = words < threads ? Math.max(32, 2 ** Math.ceil(Math.log2(words))) : threads
  const { groups, number } = foldGroups(Math.ceil(words / width), limits)
  const { perWord } = formats[kernel.output.dtype]
  // The last word may have fewer elements than it holds: the last one again fills it.
  const at = (i: number): string =>
    perWord === 1
      ? 'word'
      : flat.size % perWord === 0
        ? `word * ${perWord} + ${i}`
        : `min(word * ${perWord} + ${i}, ${flat.size - 1})`
  const elements = Array.from({ length: perWord }, (_, i) => `element(${at(i)})`)
  return shader.program(
    [width, 1],
    groups,
    [workgroupId, laneId],
    [
      `let word = ${number} * ${width} + i32(lane);`,
      ...(words % width === 0 && groups[0] * groups[1] * width === words ? [] : [`if (word >= ${words}) { return; }`]),
      shader.store('word', elements),
    ],
  )
}

/** Threads of a workgroup that share one reduction; 1: a thread reduces alone. */
const laneCount = (kernel: Kernel, { size, length, roots }: Flat): number => {
  if (kernel.reduce?.count !== undefined || length < 32) return 1
  // Side by side in memory along the reduction: neighbouring threads should read neighbouring elements of one row.
  const along = readsAlong(roots.reduced!, 'k')
  const across = readsAlong(roots.reduced!, 'o')
  if (!along && (across || size >= 4096)) return 1
  const lanes = Math.min(threads, Math.max(32, 2 ** Math.floor(Math.log2(length / 2))))
  return lanes
}

/** Whether some load moves by one element with the axis. */
const readsAlong = (root: Scalar, axis: string): boolean => {
  const seen = new Set<string>()
  const visit = (s: Scalar): boolean => {
    if (seen.has(s.key)) return false
    seen.add(s.key)
    switch (s.tag) {
      case 'load':
        return s.index.terms.some(
          ({ coef, atom }) =>
            coef === 1 &&
            ((atom.tag === 'axis' && atom.name === axis) ||
              (atom.tag === 'mod' &&
                atom.x.terms.some((t) => t.coef === 1 && t.atom.tag === 'axis' && t.atom.name === axis))),
        )
      case 'unary':
        return visit(s.x)
      case 'binary':
        return visit(s.x) || visit(s.y)
      case 'select':
        return visit(s.cond) || visit(s.x) || visit(s.y)
      default:
        return false
    }
  }
  return visit(root)
}

/** A workgroup for each element of the output (all elements of one word): its threads take turns, then join by halves. */
const printGroups = (
  kernel: Kernel,
  flat: Flat,
  shader: ShaderText,
  limits: WgslLimits,
  width: number,
): WgslProgram => {
  const { fn } = kernel.reduce!
  const { roots, length, size } = flat
  const type = fn === 'argmax' ? wgslType[kernel.reduce!.body.type] : wgslType[roots.reduced!.type]
  shader.declare(`var<workgroup> parts : array<${type}, ${width}>;`)
  if (fn === 'argmax') shader.declare(`var<workgroup> places : array<i32, ${width}>;`)
  const before = new Scope(1, undefined, 'v', 'let')
  const { values } = printer(kernel, shader, before, [kAxis(length)])
  const term = values.value(roots.reduced!)
  const loop = printLoop(kernel, roots.reduced!, String(length), 'i32(lane)', width, before.lines[1]!, term, shader)
  const lines = [...before.lines[0]!, ...loop, ...joinLanes(kernel, width, shader)]
  const accType = fn === 'argmax' ? 'i32' : type
  shader.declare(
    `fn reduced(o : i32, lane : u32) -> ${accType} {\n${lines.map((l) => `  ${l}`).join('\n')}\n  return ${fn === 'argmax' ? 'places' : 'parts'}[0];\n}`,
  )
  const after = new Scope(0, undefined, 'w', 'let')
  const last = printer(kernel, shader, after, [])
  const result = asStored(roots.body, last.values.value(roots.body), kernel.output.dtype)
  shader.declare(
    `fn finished(o : i32, acc : ${accType}) -> ${elementType(kernel.output.dtype)} {\n${[...after.lines[0]!, `return ${result};`].map((l) => `  ${l}`).join('\n')}\n}`,
  )
  const { perWord } = formats[kernel.output.dtype]
  const words = wordsOf(kernel.output.shape, kernel.output.dtype)
  const { groups, number } = foldGroups(words, limits)
  const elements = Array.from({ length: perWord }, (_, i) => i)
  const place = (i: number): string => `min(word * ${perWord} + ${i}, ${size - 1})`
  return shader.program(
    [width, 1],
    groups,
    [workgroupId, laneId],
    [
      `let word = ${number};`,
      ...(groups[0] * groups[1] === words ? [] : [`if (word >= ${words}) { return; }`]),
      ...elements.flatMap((i) => [
        ...(i === 0 ? [] : ['workgroupBarrier();']),
        `let r${i} = reduced(${perWord === 1 ? 'word' : place(i)}, lane);`,
      ]),
      'if (lane == 0u) {',
      `  ${shader.store(
        'word',
        elements.map((i) => `finished(${perWord === 1 ? 'word' : place(i)}, r${i})`),
      )}`,
      '}',
    ],
  )
}

const joinLanes = (kernel: Kernel, width: number, shader: ShaderText): readonly string[] => {
  const { fn, body } = kernel.reduce!
  const lines = fn === 'argmax' ? ['parts[lane] = best;', 'places[lane] = acc;'] : ['parts[lane] = acc;']
  if (fn === 'max' && body.type === 'real') shader.uses('most')
  lines.push(
    'workgroupBarrier();',
    `for (var span = ${width / 2}u; span > 0u; span = span >> 1u) {`,
    '  if (lane < span) {',
  )
  if (fn === 'sum') lines.push('    parts[lane] += parts[lane + span];')
  else if (fn === 'max')
    lines.push(`    parts[lane] = ${body.type === 'real' ? 'most' : 'max'}(parts[lane], parts[lane + span]);`)
  else
    lines.push(
      '    let other = parts[lane + span];',
      // The first of equal ones.
      '    if (other > parts[lane] || (other == parts[lane] && places[lane + span] < places[lane])) {',
      '      parts[lane] = other;',
      '      places[lane] = places[lane + span];',
      '    }',
    )
  lines.push('  }', '  workgroupBarrier();', '}')
  return lines
}
