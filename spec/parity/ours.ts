import * as E from 'fp-ts/Either'
import { keyOf, leavesOf, treeOf, type Aval, type Expr, type Tree } from '../../core'
import { valueAndGradAux } from '../../autodiff'
import type { Device, HostArray, Program } from '../../kernels'
import type { PairParams } from '../../models'
import { tNlrV5, type PretrainInputs } from '../../training/objectives'
import { prepare, readAll, uploadAll } from '../../training/runner'
import type { GradientTransformation } from '../../training/optim'
import { holes, initialState, trainStep } from '../../training/step'
import type { Arrays, PairProblem } from './problem'

export const avalTree = (arrays: Arrays): Tree<Aval> => treeOf([...arrays].map(([path, { aval }]) => [path, aval]))

/** The value of a task that must not fail. */
export const rightOf = async <T>(task: () => Promise<E.Either<object, T>>): Promise<T> => {
  const result = await task()
  if (E.isRight(result)) return result.right
  throw result.left instanceof Error ? result.left : new Error(JSON.stringify(result.left))
}

/** Loss, terms and gradients of the pair, as outputs by name: `loss`, `mlm`, `clm`, `rtd` and `grads/*`. */
const gradientProgram = ({ config, params, batch }: PairProblem): Program => {
  const p = holes('params', avalTree(params)) as PairParams
  const data = holes('batch', avalTree(batch)) as PretrainInputs
  const { value, grads, aux } = valueAndGradAux((q: PairParams) => {
    const { loss, metrics } = tNlrV5(config)(q, data, keyOf(0))
    return { loss, aux: metrics }
  })(p)
  return {
    outputs: [
      { name: 'loss', value },
      ...['mlm', 'clm', 'rtd'].map((name) => ({ name, value: aux[name]! })),
      ...leavesOf<Expr>(grads).map(([path, g]) => ({ name: `grads/${path}`, value: g })),
    ],
  }
}

export const prefixed = (
  prefix: string,
  arrays: Arrays,
): readonly (readonly [name: string, data: HostArray, aval: Aval])[] =>
  [...arrays].map(([name, { data, aval }]) => [`${prefix}/${name}`, data, aval])

/** The program on a device. */
export const gradientsOn = async (device: Device, problem: PairProblem): Promise<ReadonlyMap<string, HostArray>> => {
  const runner = await rightOf(prepare(device, () => gradientProgram(problem)))
  const inputs = await rightOf(
    uploadAll(device, [...prefixed('params', problem.params), ...prefixed('batch', problem.batch)]),
  )
  const outputs = await rightOf(runner.run(inputs))
  const read = await rightOf(readAll(device, outputs))
  device.free([...inputs.values(), ...outputs.values()])
  runner.dispose()
  return read
}

/** What `steps` training steps on one batch leave: the parameters by path, and the gradient's norm before each step. */
export const trainOn = async (
  device: Device,
  { config, params, batch }: PairProblem,
  optimizer: GradientTransformation,
  steps: number,
): Promise<{ readonly params: ReadonlyMap<string, HostArray>; readonly norms: readonly number[] }> => {
  const avals = avalTree(params)
  const built = trainStep({
    loss: tNlrV5(config),
    optimizer,
    params: avals,
    batch: Object.fromEntries([...batch].map(([name, { aval }]) => [name, aval])),
  })
  const init = await rightOf(prepare(device, () => initialState(optimizer, avals)))
  const runner = await rightOf(prepare(device, () => built.program))
  const uploaded = await rightOf(uploadAll(device, prefixed('params', params)))
  let state = new Map([...uploaded, ...(await rightOf(init.run(uploaded)))])
  const norms: number[] = []
  for (let i = 0; i < steps; i++) {
    const seed: Aval = { dtype: 'i32', shape: [] }
    const fresh = await rightOf(
      uploadAll(device, [
        ...prefixed('batch', batch),
        ['seed/lo', Int32Array.of(0), seed],
        ['seed/hi', Int32Array.of(0), seed],
      ]),
    )
    state = new Map(await rightOf(runner.run(new Map([...state, ...fresh]))))
    norms.push((await rightOf(device.read(state.get('log')!)))[built.logged.indexOf('gradNorm')]!)
  }
  const after = await rightOf(readAll(device, new Map([...params.keys()].map((p) => [p, state.get(`params/${p}`)!]))))
  return { params: after, norms }
}
