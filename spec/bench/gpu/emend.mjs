import { cast, input, matmul } from 'emend/core'
import { compile, layoutOf, webgpuDevice } from 'emend/kernels'
import { initParameters, parameterAvals } from 'emend/models'
import { batchAvals, forecaster, microBatchesAt, openTrainer, packedBlocks, recipeOf, tNlrV5 } from 'emend/training'
import { unwrap } from '../emend/open.mjs'
import { timeCalls } from '../runner/measure.mjs'

export const openGpu = async (options) => unwrap(await webgpuDevice(options)())

/** Milliseconds of products n x n x n, from one being handed over to its result being there. */
export const timeProduct = async (device, n, precision) => {
  const dtype = precision === 'f32' ? 'f32' : precision
  const factor = (name) => input(name, [n, n], dtype)
  const build = () => ({ outputs: [{ name: 'y', value: cast(matmul(factor('a'), factor('b')), dtype) }] })
  const plan = unwrap(compile(build, { maxInputs: device.maxInputs }))
  const executable = unwrap(await device.compile(plan)())
  const data = Float32Array.from({ length: n * n }, (_, i) => ((i % 61) - 30) / 64)
  const aval = { dtype, shape: [n, n] }
  const given = [unwrap(await device.upload(data, aval)()), unwrap(await device.upload(data, aval)())]
  const probe = await openProbe(device)
  const call = async () => {
    const made = unwrap(await executable.run(given)())
    await probe.wait()
    device.free(made)
  }
  await timeCalls(3, call)
  const ms = await timeCalls(10, call)
  executable.dispose()
  device.free(given)
  probe.close()
  return ms
}

/** Waits for all that the device was given, by reading one number. */
const openProbe = async (device) => {
  const value = unwrap(await device.upload(Float32Array.of(1), { dtype: 'f32', shape: [1] })())
  return {
    wait: async () => void unwrap(await device.read(value)()),
    close: () => device.free([value]),
  }
}

/** Blocks of ids without meaning. */
const blocksOf = (count, seqLength, vocabSize) =>
  packedBlocks({
    tokens: Int32Array.from({ length: count * seqLength }, (_, i) =>
      i % seqLength === 0 ? 0 : 5 + ((Math.imul(i, 2654435761) >>> 8) % (vocabSize - 5)),
    ),
    count,
    seqLength,
    vocabSize,
    specials: { cls: 0, pad: 1, sep: 2, unk: 3, mask: 4 },
    packedTokens: count * (seqLength - 1),
    droppedTokens: 0,
  })

/** The step of a pair on the GPU: times of whole steps, losses, memory, and where `device` measures, milliseconds by kernel. */
export const measureStep = async (device, { model, rows, batch, seq, precision, steps }) => {
  const settings = { precision, lossScale: precision === 'f16' ? 'fairseq' : 'none' }
  const fit = { microBatch: rows, remat: 'none' }
  const options = { maxInputs: device.maxInputs, layout: layoutOf(device.name) }
  const predicted = unwrap(forecaster(model, batch, settings, options)(fit))
  const { loss, optimizer, rate } = recipeOf(
    { ...settings, lr: 1e-4, warmup: 1, steps: 100, weightDecay: 0.01, clip: 2 },
    tNlrV5(model),
  )
  const trainer = unwrap(
    await openTrainer({
      device,
      loss,
      optimizer,
      schedule: rate,
      params: parameterAvals(model),
      batch: batchAvals(rows, seq),
      microBatches: batch / rows,
      seed: 1,
      tokensPerStep: batch * seq,
    })(),
  )
  const blocks = blocksOf(2 * batch, seq, model.vocab)
  const first = new Map([...initParameters(model, 1)].map(([path, data]) => [`params/${path}`, data]))
  let state = unwrap(await trainer.start(first)())
  const losses = []
  const ms = []
  let waiting
  let last = performance.now()
  /** Steps overlap as in a run: the log of one is read while the next is on its way. */
  const settle = async () => {
    const { record } = unwrap(await waiting.settled())
    losses.push(record.loss)
    ms.push(performance.now() - last)
    last = performance.now()
  }
  for (let step = 0; step < steps + 2; step++) {
    const micro = microBatchesAt(blocks, { batch, seed: 1, step }, rows)
    const submitted = unwrap(await trainer.submit(state, micro)())
    state = submitted.state
    if (waiting !== undefined) await settle()
    waiting = submitted
  }
  await settle()
  const { peak } = device.memory()
  const kernels = kernelTimes(trainer, steps + 2)
  device.free([...state.values.values()])
  trainer.dispose()
  return { ms: ms.slice(2), losses, peak, predicted, kernels }
}

/** Milliseconds in one step by name of kernel, with what they compute and move. */
const kernelTimes = (trainer, steps) => {
  const rows = new Map()
  for (const { plan, times, timings } of trainer.programs) {
    if (timings === undefined) return undefined
    const counted = new Set()
    for (const timing of timings()) {
      const kernelOf = (i) => plan.kernels[plan.steps[i].kernel]
      const name = timing.steps.map((i) => kernelOf(i).name).join(' | ')
      const row = rows.get(name) ?? { name, ms: 0, flops: 0, bytes: 0, runs: 0 }
      // A step may take two dispatches: what it does is counted once. So is what steps of one dispatch hand on.
      const fresh = timing.steps.filter((i) => !counted.has(i))
      fresh.forEach((i) => counted.add(i))
      const touched = new Set(fresh.flatMap((i) => [...plan.steps[i].inputs, plan.steps[i].output]))
      row.ms += timing.ms / steps
      row.flops += fresh.reduce((n, i) => n + kernelOf(i).flops, 0) * times
      row.bytes += [...touched].reduce((n, b) => n + bytesIn(plan.buffers[b].aval), 0) * times
      row.runs += fresh.length > 0 ? times : 0
      rows.set(name, row)
    }
  }
  return [...rows.values()].sort((a, b) => b.ms - a.ms)
}
const bytesIn = ({ shape, dtype }) =>
  shape.reduce((n, m) => n * m, 1) * { f32: 4, i32: 4, f16: 2, bf16: 2, bool: 1 }[dtype]
