import { compile } from 'emend/kernels'
import { pairConfig } from 'emend/models'
import { pairStep, sizeDefaults } from 'emend/training'
import { median } from '../runner/measure.mjs'
import { openWasm, unwrap } from '../emend/open.mjs'

export const title = 'from an objective to a step that is ready to run: t-nlrv5 with AdamW and clipping, built in'

// base as its preset trains it does not fit in one WebAssembly memory: two rows of 128 tokens and an 8192-word vocabulary do,
// and the program has as many steps.
const sizes = {
  tiny: sizeDefaults('tiny'),
  small: sizeDefaults('small'),
  base: { batch: 2, seq: 128, vocab: 8192 },
}

export const run = async () => {
  const device = await openWasm({ matmul: 'wasm' })
  const rows = []
  for (const [preset, { batch, seq, vocab }] of Object.entries(sizes)) {
    const config = pairConfig(preset, vocab, seq)
    const build = () => pairStep(config, batch)
    const [planMs, compileMs] = [[], []]
    let steps = 0
    for (let round = 0; round < 3; round++) {
      const began = performance.now()
      const plan = unwrap(compile(build, { maxInputs: device.maxInputs }))
      planMs.push(performance.now() - began)
      const planned = performance.now()
      const executable = unwrap(await device.compile(plan)())
      compileMs.push(performance.now() - planned)
      executable.dispose()
      steps = plan.steps.length
    }
    rows.push({
      preset,
      batch,
      seq,
      vocab,
      steps,
      planMs: planMs[0],
      compileMs: compileMs[0],
      again: median(planMs) + median(compileMs),
    })
  }
  await device.close()
  return { rows, skipped: [] }
}

export const columns = [
  ['preset', (r) => r.preset],
  ['rows', (r) => r.batch],
  ['tokens', (r) => r.seq],
  ['vocabulary', (r) => r.vocab],
  ['kernels run', (r) => r.steps],
  ['plan ms', (r) => r.planMs.toFixed(0)],
  ['compile ms', (r) => r.compileMs.toFixed(0)],
  ['both, median ms', (r) => r.again.toFixed(0)],
]
