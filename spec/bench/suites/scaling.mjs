import { median, timeCalls } from '../runner/measure.mjs'
import { encoder, parameterCount } from '../problem.mjs'
import { openWasm } from '../emend/open.mjs'
import { openStep } from '../emend/step.mjs'

export const title = 'the step as it grows, built in, all threads: in sequences, then in parameters'

const rowsOf = (B) => ({ ...encoder, B, M: Math.round((encoder.M * B) / encoder.B) })
const sizes = [
  ...[4, 8, 16, 32].map((B) => ({ grows: 'sequences', config: rowsOf(B) })),
  // layers and vocabulary together, so that every part of the model grows alike
  ...[1, 2, 4, 8].map((k) => ({ grows: 'parameters', config: { ...encoder, L: 2 * k, V: 4096 * k } })),
]

/** Sizes take turns, so that the machine's drift does not look like growth. */
export const run = async () => {
  const device = await openWasm({ matmul: 'wasm' })
  const steps = []
  for (const { config } of sizes) {
    const step = await openStep(device, config)
    await timeCalls(3, step)
    steps.push({ step, ms: [] })
  }
  for (let round = 0; round < 5; round++) for (const { step, ms } of steps) ms.push(...(await timeCalls(2, step)))
  await device.close()
  const rows = sizes.map(({ grows, config }, i) => ({
    grows,
    sequences: config.B,
    parameters: parameterCount(config),
    stepMs: median(steps[i].ms),
  }))
  return { rows, skipped: [] }
}

export const columns = [
  ['grows', (r) => r.grows],
  ['sequences', (r) => r.sequences],
  ['parameters, M', (r) => (r.parameters / 1e6).toFixed(2)],
  ['step ms', (r) => r.stepMs.toFixed(0)],
  ['ms a sequence', (r) => (r.stepMs / r.sequences).toFixed(1)],
  ['ms a M parameters', (r) => (r.stepMs / (r.parameters / 1e6)).toFixed(1)],
]
