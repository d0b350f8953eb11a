import { add, exp, gelu, input, layerNorm, mul, sigmoid, softmax, sqrt, square, sum, tanh } from 'emend/core'
import { grad } from 'emend/autodiff'
import { cores, median, timeCalls, warmUp } from '../runner/measure.mjs'
import { openCall, openWasm } from '../emend/open.mjs'

const [rows, width] = [1024, 1024]
export const title = `element-wise programs and reductions over f32[${rows}, ${width}], built in, ns an element`

const norm = (p) => layerNorm({ weight: p.weight, bias: p.bias })
/** Programs over x, y f32[rows, width] and vectors f32[width]. */
const programs = {
  'x + y': ({ x, y }) => add(x, y),
  'x y + x': ({ x, y }) => add(mul(x, y), x),
  'exp x': ({ x }) => exp(x),
  'tanh x': ({ x }) => tanh(x),
  'sigmoid x': ({ x }) => sigmoid(x),
  'gelu x': ({ x }) => gelu(x),
  'gelu, its gradient': ({ x, y }) => grad((z) => sum(mul(gelu(z), y)))(x),
  'sum of rows': ({ x }) => sum(x, -1),
  'sum of columns': ({ x }) => sum(x, 0),
  softmax: ({ x }) => softmax(x),
  'softmax, its gradient': ({ x, y }) => grad((z) => sum(mul(softmax(z), y)))(x),
  'layer norm': (p) => norm(p)(p.x),
  'layer norm, its gradient': (p) => grad((z) => sum(mul(norm(p)(z), p.y)))(p.x),
  'x / (√y² + 1)': ({ x, y }) => mul(x, add(sqrt(square(y)), 1)),
}

const inputs = () => ({
  x: input('x', [rows, width]),
  y: input('y', [rows, width]),
  weight: input('weight', [width]),
  bias: input('bias', [width]),
})

export const run = async () => {
  const arrays = {
    x: Float32Array.from({ length: rows * width }, (_, i) => 3 * Math.sin(i)),
    y: Float32Array.from({ length: rows * width }, (_, i) => 3 * Math.cos(i)),
    weight: new Float32Array(width).fill(1),
    bias: new Float32Array(width),
  }
  const found = Object.keys(programs).map((name) => ({ name }))
  for (const threads of new Set([1, cores()])) {
    const device = await openWasm({ threads, matmul: 'wasm' })
    for (const row of found) {
      const build = () => ({ outputs: [{ name: 'out', value: programs[row.name](inputs()) }] })
      const call = await openCall(device, build, arrays)
      await warmUp(call, 0.5, 20)
      row[threads] = (median(await timeCalls(40, call)) * 1e6) / (rows * width)
    }
    await device.close()
  }
  return { rows: found, skipped: [] }
}

export const columns = [
  ['', (r) => r.name],
  ...[...new Set([1, cores()])].map((n) => [`${n} thread${n > 1 ? 's' : ''}`, (r) => r[n].toFixed(2)]),
]
