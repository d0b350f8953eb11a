import { checkGradients } from 'emend/spec'
import { runningSum, swish, wrongRunningSum, wrongSwish } from './ops.js'

const rows = { x: { shape: ['B', 'N'] } }
const along = (op) => (x) => op({ reverse: false }, x)

const checks = {
  swish: [swish, rows],
  wrongSwish: [wrongSwish, rows],
  runningSum: [along(runningSum), rows],
  wrongRunningSum: [along(wrongRunningSum), rows],
}

for (const [name, [f, inputs]] of Object.entries(checks))
  try {
    checkGradients(f, inputs, { name, seed: 2021 })
    console.log(`ok: ${name}\n`)
  } catch (error) {
    process.exitCode = 1
    console.log(`${error.message}\n`)
  }
