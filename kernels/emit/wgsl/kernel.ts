import { sizeOf, type Axis, type Index, type Scalar, type Term } from '../../../core'
import type { Kernel } from '../../kernel'
import { partsOf } from '../rebuild'
import { After, Levels, Scope } from '../scope'
import { flatten, type Flat } from './flat'
import { asStored, elementType, formats, wordsOf } from './memory'
import { foldGroups, ShaderText, type Sharing, type WgslLimits, type WgslProgram } from './program'
import { wgslType, WgslValues } from './values'

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
    if (length === 0) lines.push(`var acc = ${startOf(kernel, shader)};`)
    else {
      const term = values.value(roots.reduced!)
      const loop = { from: '0', step: 1, count, length, inner: before.lines[1]!, term }
      lines.push(...before.lines[0]!, ...printLoop(kernel, loop, shader))
    }
  }
  const after = new After(before, 'let')
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
  const moves = ({ coef, atom }: Term): boolean =>
    coef === 1 &&
    ((atom.tag === 'axis' && atom.name === axis) || (atom.tag === 'mod' && atom.x.terms.some((t) => moves(t))))
  return partsOf([root]).scalars.some((s) => s.tag === 'load' && s.index.terms.some(moves))
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
  const loop = { from: 'i32(lane)', step: width, count: String(length), length, inner: before.lines[1]!, term }
  const lines = [...before.lines[0]!, ...printLoop(kernel, loop, shader), ...joinLanes(kernel, width, shader)]
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
