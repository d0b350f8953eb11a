// node tuning.mjs JSON: answers and epochs of fine-tuning by emend.
//   { "device": choices of the wasm device, "predict": { from, task, file, rows, fused }, "epoch": settings of finetune }
import { createRequire } from 'node:module'
import { askedTask, decideFinetune, finetune, openSession } from 'emend/training'
import { serve } from '../runner/serve.mjs'
import { right } from '../tuning/models.mjs'

const { device, predict, epoch } = JSON.parse(process.argv[2])

const openPredict = async () => {
  const { from, task: name, file, rows, fused } = predict
  const session = right(await openSession({ from, rows, fused, device: 'wasm', ...device })())
  const { task } = right(await askedTask(name)())
  const { examples } = right(await task.read(file, 'dev')())
  return async () => right(await session.answer(task, examples)()).map(({ scores }) => scores)
}

let answer
await serve({
  version: createRequire(import.meta.url)('emend/package.json').version,
  backend: `wasm, ${device.matmul}`,
  threads: device.threads,
  own: {
    predict: async () => {
      answer ??= await openPredict()
      const began = performance.now()
      const scores = await answer()
      return { ms: [performance.now() - began], scores }
    },
    epoch: async () => {
      const losses = []
      const config = right(decideFinetune({}, { ...epoch, device: 'wasm', ...device }))
      const { seeds } = right(await finetune(config, false, { stepped: ({ loss }) => losses.push(loss) })())
      return { ms: [1000 * seeds[0].seconds], losses }
    },
  },
})
