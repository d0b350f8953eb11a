import * as E from 'fp-ts/Either'
import { aval, cast, input, matmul, transpose } from '../../../core'
import { compile } from '../../compile'
import type { Device } from '../../device'
import type { Plan } from '../../plan'

const [m, n, k] = [70, 44, 76]
/** Whole numbers: every order of sums and every rounding of them gives the same. */
const wholes = (length: number, by: number): Float32Array => Float32Array.from({ length }, (_, i) => ((i * by) % 7) - 3)

/** a b, from operands that lie row by row and from operands that lie column by column: all ways to load a matrix. */
const plan = (): Plan => {
  const [a, b, c, d] = [[m, k] as const, [k, n] as const, [k, m] as const, [n, k] as const].map((shape, i) =>
    input('abcd'[i]!, shape, 'f16'),
  )
  const [rows, columns] = [matmul(a!, b!), matmul(transpose(c!, [1, 0]), transpose(d!, [1, 0]))]
  const made = compile(() => ({
    outputs: [
      { name: 'rows', value: cast(rows, 'f32') },
      { name: 'columns', value: cast(columns, 'f32') },
    ],
  }))
  if (E.isLeft(made)) throw made.left
  return made.right
}

/** Whether a device's matrix unit gives what is right; else what it gave, or why it gave nothing. */
export const proveMatrixUnit = async (device: Device): Promise<E.Either<string, void>> => {
  const a = wholes(m * k, 5)
  const b = wholes(k * n, 3)
  const given: Readonly<Record<string, Float32Array>> = { a, b, c: turned(a, m, k), d: turned(b, k, n) }
  const program = plan()
  try {
    const executable = right(await device.compile(program)())
    const values = []
    for (const { name, buffer } of program.inputs) {
      const data = given[name]!
      values.push(right(await device.upload(data, aval('f16', ...program.buffers[buffer]!.aval.shape))()))
    }
    const made = right(await executable.run(values)())
    const wanted = product(a, b)
    for (const [i, value] of made.entries()) {
      const got = right(await device.read(value)())
      const bad = wanted.findIndex((x, at) => got[at] !== x)
      if (bad >= 0) return E.left(`it gave ${got[bad]} for ${wanted[bad]} at ${bad} of ${program.outputs[i]!.name}`)
    }
    executable.dispose()
    device.free([...values, ...made])
    return E.right(undefined)
  } catch (error) {
    // A shader that is refused is a fault of ours elsewhere, of an unfinished standard here.
    return E.left((error instanceof Error ? error.message : String(error)).split('\n')[0]!)
  }
}

const right = <T>(result: E.Either<{ readonly got: string }, T>): T => {
  if (E.isLeft(result)) throw new Error(result.left.got)
  return result.right
}

const turned = (x: Float32Array, rows: number, columns: number): Float32Array =>
  Float32Array.from({ length: x.length }, (_, i) => x[(i % rows) * columns + Math.floor(i / rows)]!)

const product = (a: Float32Array, b: Float32Array): Float32Array =>
  Float32Array.from({ length: m * n }, (_, at) => {
    let sum = 0
    for (let step = 0; step < k; step++) sum += a[Math.floor(at / n) * k + step]! * b[step * n + (at % n)]!
    return sum
  })
