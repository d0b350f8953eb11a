import { valueAndGrad } from 'emend/autodiff'
import { add, input, leavesOf, zipExprs } from 'emend/core'
import {
  chain,
  constantRate,
  prepare,
  readAll,
  scaleByAdam,
  scaleByLearningRate,
  stateAvals,
  uploadAll,
} from 'emend/training'
import { initialState, holes } from 'emend/training'
import { adam, problemOf } from '../problem.mjs'
import { lossOf } from './encoder.mjs'
import { unwrap } from './open.mjs'

const optimizer = chain({
  adam: scaleByAdam({ b1: adam.b1, b2: adam.b2, eps: adam.eps }),
  rate: scaleByLearningRate(constantRate(adam.lr)),
})

/** The training step as one program: parameters and the optimizer's state go in and come out, and the loss. */
export const stepProgram = (config) => {
  const { params, ids, positions, labels } = problemOf(config)
  const avals = Object.fromEntries(Object.entries(params).map(([name, { shape }]) => [name, { dtype: 'f32', shape }]))
  const batch = {
    ids: input('ids', [ids.length], 'i32'),
    positions: input('positions', [positions.length], 'i32'),
    labels: input('labels', [labels.length], 'i32'),
  }
  const p = holes('params', avals)
  const state = holes('optimizer', stateAvals(optimizer, avals))
  const { value, grads } = valueAndGrad((q) => lossOf(config)(q, batch))(p)
  const { updates, state: next } = optimizer.update(grads, state, p)
  const named = (prefix, tree) => leavesOf(tree).map(([path, e]) => ({ name: `${prefix}/${path}`, value: e }))
  return {
    outputs: [...named('params', zipExprs(p, updates, add)), ...named('optimizer', next), { name: 'loss', value }],
    donated: [...leavesOf(p), ...leavesOf(state)].map(([, e]) => e.params.name),
  }
}

/** Compile the step and put the problem on the device: a call that takes one step and gives its loss. */
export const openStep = async (device, config) => {
  const runner = unwrap(await prepare(device, () => stepProgram(config))())
  const { params, ids, positions, labels } = problemOf(config)
  const ints = (name, data) => [name, data, { dtype: 'i32', shape: [data.length] }]
  const avals = Object.fromEntries(Object.entries(params).map(([name, { shape }]) => [name, { dtype: 'f32', shape }]))
  const arrays = Object.entries(params).map(([name, { data }]) => [`params/${name}`, data, avals[name]])
  const batch = [ints('ids', ids), ints('positions', positions), ints('labels', labels)]
  const fixed = unwrap(await uploadAll(device, batch)())
  const first = unwrap(await uploadAll(device, arrays)())
  const init = unwrap(await prepare(device, () => initialState(optimizer, avals))())
  let values = new Map([...first, ...unwrap(await init.run(first)())])
  init.dispose()
  return async () => {
    const out = new Map(unwrap(await runner.run(new Map([...values, ...fixed]))()))
    const loss = unwrap(await readAll(device, new Map([['loss', out.get('loss')]]))()).get('loss')[0]
    device.free([out.get('loss')])
    out.delete('loss')
    values = out
    return loss
  }
}
