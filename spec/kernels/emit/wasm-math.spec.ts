import * as assert from 'uvu/assert'
import { roundBf16, roundF16 } from '../../../core'
import { erf as erf64 } from '../../../core/erf'
import { fromBf16, fromF16, toBf16, toF16 } from '../../../kernels/emit/wasm/half'
import { get, i32, set, v128, whileLoop, type Code } from '../../../kernels/emit/wasm/instructions'
import { erf, exp, log, tanh } from '../../../kernels/emit/wasm/math'
import { ModuleBuilder, type FunctionBuilder } from '../../../kernels/emit/wasm/module'
import { wasm } from '../../../kernels/devices/wasm/wasm-api'
import { describe } from '../../harness'

type VectorFunction = (f: FunctionBuilder, x: Code) => Code
const size = 1 << 16

/** Applies a function of four lanes to up to 65,536 floats. */
const applier = (fn: VectorFunction): ((x: Float32Array) => Float32Array) => {
  const m = new ModuleBuilder(false)
  m.add('apply', { params: ['i32'], results: [] }, (f) => {
    const at = f.local('i32')
    return whileLoop(i32.lt(get(at), get(0)), [
      v128.store(4 * size, get(at), fn(f, v128.load(0, get(at)))),
      set(at, i32.add(get(at), i32.of(16))),
    ])
  })
  const memory = new wasm.Memory({ initial: 16 })
  const { exports } = new wasm.Instance(new wasm.Module(m.bytes()), { env: { memory } })
  return (x) => {
    new Float32Array(memory.buffer).set(x)
    exports.apply!(4 * x.length)
    return new Float32Array(memory.buffer, 4 * size, x.length).slice()
  }
}

const bits = new Float32Array(1)
const asInt = new Int32Array(bits.buffer)
/** The distance to the next float above |x|, for normal results. */
const ulpOf = (x: number): number => {
  bits[0] = Math.abs(x)
  const low = bits[0]
  asInt[0] = asInt[0]! + 1
  return bits[0] - low
}

/** Worst error in ulp over every `stride`-th float of [from, to], by bit pattern. */
const worst = (fn: VectorFunction, exact: (x: number) => number, from: number, to: number, stride: number): number => {
  const apply = applier(fn)
  bits[0] = from
  const first = asInt[0]!
  bits[0] = to
  const last = asInt[0]!
  let most = 0
  for (let start = first; start <= last; start += stride * size) {
    const n = Math.min(size, Math.floor((last - start) / stride) + 1)
    const ints = Int32Array.from({ length: n }, (_, i) => start + i * stride)
    const x = new Float32Array(ints.buffer)
    const padded = new Float32Array(Math.ceil(n / 4) * 4)
    padded.set(x)
    const got = apply(padded)
    for (let i = 0; i < n; i++) {
      const want = exact(x[i]!)
      const error = Math.abs(got[i]! - want) / ulpOf(want)
      if (!(error <= most)) most = error
    }
  }
  return most
}

describe('kernels/emit/wasm: elementary functions', (test) => {
  test('exp is within 2 ulp on every 997th float of its range', () => {
    assert.ok(worst(exp, Math.exp, 1e-30, 88.7, 997) <= 2)
    assert.ok(
      worst(
        (f, x) => exp(f, [...x, 0xfd, 0xe1, 1]),
        (x) => Math.exp(-x),
        1e-30,
        87,
        997,
      ) <= 2,
    )
  })
  test('log is within 2 ulp on every 997th float, subnormal ones included', () => {
    assert.ok(worst(log, Math.log, 1e-45, 3e38, 997) <= 2)
    assert.ok(worst(log, Math.log, 0.9, 1.1, 31) <= 2)
  })
  test('tanh is within 2 ulp on every 997th float', () => assert.ok(worst(tanh, Math.tanh, 1e-30, 30, 997) <= 2))
  test('erf is within 1.5e-7 and within 5 ulp', () => {
    const most = worst(erf, erf64, 1e-30, 10, 997)
    assert.ok(most <= 5, `${most} ulp`)
    const x = Float32Array.from({ length: size }, (_, i) => (i - size / 2) / 7000)
    const got = applier(erf)(x)
    x.forEach((v, i) => assert.ok(Math.abs(got[i]! - erf64(v)) < 1.5e-7, `erf(${v})`))
  })
  test('the ends: infinities, NaN, zeros', () => {
    const x = Float32Array.of(NaN, Infinity, -Infinity, 0, -0, -1, 200, -200)
    const of = (fn: VectorFunction): readonly number[] => [...applier(fn)(x)]
    assert.equal(of(exp), [NaN, Infinity, 0, 1, 1, Math.fround(Math.exp(-1)), Infinity, 0])
    assert.equal(of(log).slice(0, 6), [NaN, Infinity, NaN, -Infinity, -Infinity, NaN])
    assert.equal(of(tanh), [NaN, 1, -1, 0, -0, Math.fround(Math.tanh(-1)), 1, -1])
    assert.equal(
      of(erf).filter((_, i) => i !== 5),
      [NaN, 1, -1, 0, -0, 1, -1],
    )
  })
})

describe('kernels/emit/wasm: halves', (test) => {
  const cases = [
    ['f16', toF16, fromF16, roundF16],
    ['bf16', toBf16, fromBf16, roundBf16],
  ] as const
  for (const [name, to, from, round] of cases) {
    test(`all 65,536 patterns of ${name} survive the round trip`, () => {
      const patterns = new Float32Array(Int32Array.from({ length: size }, (_, i) => i).buffer)
      const values = applier(from)(patterns)
      const back = new Int32Array(applier(to)(values).buffer)
      back.forEach((b, i) => {
        if (Number.isNaN(values[i]!)) assert.ok(Number.isNaN(applierOnce(from, b)), `NaN ${i}`)
        else assert.is(b, i)
      })
    })
    test(`${name} rounds as core does: midpoints, their neighbours and random floats`, () => {
      const raw = Int32Array.from({ length: size }, (_, i) => {
        const high = (Math.imul(i, 0x9e3779b1) >>> 16) << 16
        return i % 2 === 0 ? high + (i % 6) - 2 + 0x8000 : high + ((i % 7) - 3) * 0x1000 + (i % 3) - 1
      })
      const x = new Float32Array(raw.buffer)
      const got = applier((f, v) => from(f, to(f, v)))(x)
      x.forEach((v, i) => assert.ok(Object.is(got[i], round(v)), `${v}: got ${got[i]}, want ${round(v)}`))
    })
  }
})

const applierOnce = (fn: VectorFunction, pattern: number): number =>
  applier(fn)(new Float32Array(Int32Array.of(pattern, 0, 0, 0).buffer))[0]!
