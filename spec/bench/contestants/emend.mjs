// node emend.mjs OPTIONS: options of the wasm device as JSON
import { createRequire } from 'node:module'
import { encoder } from '../problem.mjs'
import { serve } from '../runner/serve.mjs'
import { openMatmul } from '../emend/matmul.mjs'
import { openWasm } from '../emend/open.mjs'
import { openStep } from '../emend/step.mjs'

const options = JSON.parse(process.argv[2])
const device = await openWasm(options)
await serve({
  version: createRequire(import.meta.url)('emend/package.json').version,
  backend: device.backend.detail,
  threads: options.threads,
  openStep: () => openStep(device, encoder),
  openMatmul: (n) => openMatmul(device, n),
})
