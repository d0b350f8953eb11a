import type { Kernel } from '../../kernel'
import { shapeLoops, type LoopShape } from '../loop-shape'
import { partsOf } from '../rebuild'
import { splitAxes } from '../split-axes'
import { get, i32, set, whileLoop, type Code } from './instructions'
import { Dependence } from './levels'
import { elementBytes, storeLanes } from './memory'
import type { ModuleBuilder, Signature } from './module'
import { elementAddress, setCoordinates, type KernelFrame } from './frame'
import { reduceAcross, reduceAlong } from './reduce'
import { Values, type KernelScope } from './values'
import { vectorAxisOf } from './vector-axis'

/**
 * Every kernel has this form: (args, begin, end, rows, stride) computes the elements [begin + r stride, end + r stride) of its
 * output for r < rows. `args` is the address of the pointers to output and inputs.
 */
export const kernelSignature: Signature = { params: ['i32', 'i32', 'i32', 'i32', 'i32'], results: [] }
const [args, begin, end, rows, stride] = [0, 1, 2, 3, 4] as const

export interface KernelImports {
  readonly sin: number
  readonly cos: number
}

export const emitKernel = (m: ModuleBuilder, name: string, kernel: Kernel, imports: KernelImports): number =>
  m.add(name, kernelSignature, (f) => {
    const single = kernel.reduce?.fn === 'argmax' || kernel.reduce?.count !== undefined
    const shape = splitAxes(shapeLoops(kernel), single)
    const choice = vectorAxisOf(shape, kernel)
    const pointers = kernel.inputs.map(() => f.local('i32'))
    const out = f.local('i32')
    const axes = new Map([...shape.axes, ...shape.reduceAxes].map((a) => [a.name, f.local('i32')]))
    const scope: KernelScope = {
      f,
      inputs: kernel.inputs,
      pointers,
      axes,
      vector: choice.axis,
      depends: new Dependence(depths(shape, choice.across), choice.axis, choice.across ? 2 : 1),
      imports,
    }
    checkBounds(kernel, shape)
    const top = new Values(scope, 0, null)
    const frame: KernelFrame = { f, kernel, shape, scope, top, out }
    const body =
      kernel.reduce !== undefined && !choice.across ? reduceAlong(frame, begin, end) : rowLoop(frame, begin, end)
    return [
      set(out, i32.load(0, get(args))),
      ...pointers.map((p, slot) => set(p, i32.load(4 * (slot + 1), get(args)))),
      ...top.at(0),
      whileLoop(i32.gt(get(rows), i32.of(0)), [
        body,
        set(rows, i32.sub(get(rows), i32.of(1))),
        set(begin, i32.add(get(begin), get(stride))),
        set(end, i32.add(get(end), get(stride))),
      ]),
    ]
  })

/** Loop depths: rows 1; the vector axis of the output 2 and reductions inside it; or elements 1 and reductions inside. */
const depths = (shape: LoopShape, across: boolean): ReadonlyMap<string, number> => {
  const depth = new Map<string, number>()
  shape.axes.forEach((a, i) => depth.set(a.name, across && i === shape.axes.length - 1 ? 2 : 1))
  shape.reduceAxes.forEach((a, i) => depth.set(a.name, (across ? 3 : 2) + i))
  return depth
}

/** Proved here, so that no address needs a check when it runs. */
const checkBounds = (kernel: Kernel, shape: LoopShape): void => {
  const { body, reduced, count } = shape.roots
  const runs = reduced !== undefined && kernel.reduce!.axes.every((a) => a.size > 0)
  const roots = [body, ...(runs ? [reduced] : []), ...(count === undefined ? [] : [count])]
  for (const s of partsOf(roots).scalars) {
    if (s.tag !== 'load') continue
    const size = kernel.inputs[s.slot]?.size ?? 0
    if (size > 0 && !(s.index.min >= 0 && s.index.max < size))
      throw new Error(
        `internal: ${kernel.name} reads [${s.index.min}, ${s.index.max}] of ${size} elements (${s.index.key})`,
      )
  }
}

/** Rows of the fastest output axis, four elements at a time: maps, and reductions across rows. */
const rowLoop = (frame: KernelFrame, from: number, to: number): Code => {
  const { f, kernel, shape, scope, top, out } = frame
  const fastest = shape.axes.at(-1)
  const size = fastest?.size ?? 1
  const [at, row, stop, next, target] = [1, 2, 3, 4, 5].map(() => f.local('i32')) as [
    number,
    number,
    number,
    number,
    number,
  ]
  const c = fastest === undefined ? f.local('i32') : scope.axes.get(fastest.name)!
  const bytes = elementBytes(kernel.output.dtype)
  const rowValues = new Values(scope, 1, top)
  const loops =
    shape.roots.reduced === undefined
      ? mapLoop(frame, rowValues, c, stop, target)
      : reduceAcross(frame, rowValues, c, stop, target)
  return [
    set(at, get(from)),
    whileLoop(i32.lt(get(at), get(to)), [
      set(row, i32.div(get(at), i32.of(size))),
      set(c, i32.sub(get(at), i32.mul(get(row), i32.of(size)))),
      set(stop, i32.add(get(c), i32.sub(get(to), get(at)))),
      set(stop, [i32.of(size), get(stop), i32.lt(i32.of(size), get(stop)), 0x1b]),
      set(next, i32.add(get(at), i32.sub(get(stop), get(c)))),
      set(target, i32.add(get(out), i32.mul(i32.sub(get(at), get(c)), i32.of(bytes)))),
      setCoordinates(shape.axes.slice(0, -1), scope.axes, row),
      ...rowValues.at(1),
      loops,
      set(at, get(next)),
    ]),
  ]
}

const mapLoop = (frame: KernelFrame, rowValues: Values, c: number, stop: number, target: number): Code => {
  const { f, kernel, shape, scope } = frame
  const values = new Values(scope, 2, rowValues)
  const result = values.vector(shape.roots.body)
  const left = f.local('i32')
  return whileLoop(i32.lt(get(c), get(stop)), [
    ...values.at(2),
    set(left, i32.sub(get(stop), get(c))),
    storeLanes(f, kernel.output.dtype, elementAddress(target, c, kernel), left, result),
    set(c, i32.add(get(c), i32.of(4))),
  ])
}
