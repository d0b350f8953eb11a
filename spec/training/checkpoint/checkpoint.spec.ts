import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as fc from 'fast-check'
import * as E from 'fp-ts/Either'
import * as assert from 'uvu/assert'
import { aval, type Aval } from '../../../core'
import { pairConfig } from '../../../models'
import { atomicWrite, atomicWriteStream } from '../../../training/checkpoint/atomic-write'
import {
  latestCheckpoint,
  readCheckpoint,
  requireTensors,
  sameConfig,
  writeCheckpoint,
} from '../../../training/checkpoint/checkpoint'
import { decodeSafetensors, encodeSafetensors, type StoredTensor } from '../../../training/checkpoint/safetensors'
import { badInput, type Fault } from '../../../training/fault'
import { checkOut } from '../../../training/pretrain/folder'
import { describe } from '../../harness'
import { temporary } from '../cli/run-cli'

const folder = temporary()

const tensors = fc.dictionary(
  fc.string({ minLength: 1, maxLength: 12 }).filter((name) => name !== '__metadata__' && name !== '__proto__'),
  fc.tuple(fc.constantFrom('F32', 'F64', 'I32'), fc.array(fc.nat(3), { maxLength: 3 })).chain(([dtype, shape]) => {
    const size = shape.reduce((n, s) => n * s, 1)
    const data =
      dtype === 'F32'
        ? fc.float32Array({ minLength: size, maxLength: size })
        : dtype === 'F64'
          ? fc.float64Array({ minLength: size, maxLength: size })
          : fc.int32Array({ minLength: size, maxLength: size })
    return data.map((d): StoredTensor => ({ dtype: dtype, shape, data: d }))
  }),
  { maxKeys: 5 },
)

const bitsOf = ({ data }: StoredTensor): Buffer => Buffer.from(data.buffer, data.byteOffset, data.byteLength)

const right = <A>(result: E.Either<unknown, A>): A => {
  if (E.isLeft(result)) throw new Error(JSON.stringify(result.left))
  return result.right
}

describe('training/checkpoint/safetensors', (test) => {
  test('law: decode(encode(file)) = file, bit for bit, wherever the bytes lie', () => {
    fc.assert(
      fc.property(
        tensors,
        fc.dictionary(fc.string(), fc.string(), { maxKeys: 3 }),
        fc.nat(9),
        (record, meta, shift) => {
          const metadata = Object.fromEntries(Object.entries(meta).filter(([key]) => key !== '__proto__'))
          const file = { tensors: new Map(Object.entries(record)), metadata }
          const bytes = Buffer.concat([Buffer.alloc(shift), ...encodeSafetensors(file)]).subarray(shift)
          const back = right(decodeSafetensors(bytes, 'memory'))
          assert.equal(back.metadata, metadata)
          assert.equal([...back.tensors.keys()].sort(), [...file.tensors.keys()].sort())
          for (const [name, tensor] of file.tensors) {
            const got = back.tensors.get(name)!
            assert.equal([got.dtype, got.shape], [tensor.dtype, tensor.shape])
            assert.ok(bitsOf(got).equals(bitsOf(tensor)), name)
          }
        },
      ),
      { seed: 4, numRuns: 200 },
    )
  })

  test('law: a file cut anywhere is a Left that names it', () => {
    const file = {
      tensors: new Map<string, StoredTensor>([['a', { dtype: 'F32', shape: [3], data: Float32Array.of(1, 2, 3) }]]),
      metadata: { k: 'v' },
    }
    const bytes = Buffer.concat(encodeSafetensors(file))
    for (let n = 0; n < bytes.length; n++) {
      const cut = decodeSafetensors(bytes.subarray(0, n), 'half.safetensors')
      assert.ok(E.isLeft(cut) && cut.left.where === 'half.safetensors', `cut at ${n}`)
    }
    assert.ok(E.isRight(decodeSafetensors(bytes, 'whole')))
  })

  test('the layout is the format: length, header padded to 8, data in order of the names', () => {
    const bytes = Buffer.concat(
      encodeSafetensors({
        tensors: new Map<string, StoredTensor>([
          ['b', { dtype: 'I32', shape: [], data: Int32Array.of(7) }],
          ['a', { dtype: 'F32', shape: [1, 2], data: Float32Array.of(1, -2) }],
        ]),
        metadata: {},
      }),
    )
    const length = Number(bytes.readBigUInt64LE(0))
    assert.is(length % 8, 0)
    assert.equal(JSON.parse(bytes.subarray(8, 8 + length).toString()), {
      __metadata__: {},
      a: { dtype: 'F32', shape: [1, 2], data_offsets: [0, 8] },
      b: { dtype: 'I32', shape: [], data_offsets: [8, 12] },
    })
    assert.equal([...bytes.subarray(8 + length)], [0, 0, 128, 63, 0, 0, 0, 192, 7, 0, 0, 0])
  })

  test('overlapping, missing and unknown parts are refused', () => {
    const file = (header: unknown, data: number): Buffer => {
      const text = Buffer.from(JSON.stringify(header))
      const length = Buffer.alloc(8)
      length.writeBigUInt64LE(BigInt(text.length))
      return Buffer.concat([length, text, Buffer.alloc(data)])
    }
    const entry = (from: number, to: number, dtype = 'F32') => ({ dtype, shape: [1], data_offsets: [from, to] })
    for (const [header, data] of [
      [{ a: entry(0, 4), b: entry(0, 4) }, 8],
      [{ a: entry(4, 8) }, 8],
      [{ a: entry(0, 4) }, 8],
      [{ a: entry(0, 8) }, 8],
      [{ a: entry(0, 4, 'F64') }, 4],
      [{ a: entry(0, 4, 'BF16') }, 4],
      [{ a: 3 }, 4],
      [[], 0],
      [{ __metadata__: { k: 1 } }, 0],
    ] as const)
      assert.ok(E.isLeft(decodeSafetensors(file(header, data), 'x')), JSON.stringify(header))
  })
})

const avals = new Map<string, Aval>([
  ['params/a', aval('f32', 2)],
  ['params/b', aval('f32')],
])
const arrays = new Map([
  ['params/a', Float32Array.of(1.5, -0)],
  ['params/b', Float32Array.of(NaN)],
])
const header = (step: number) => ({
  step,
  config: { lr: 0.1 },
  model: pairConfig('tiny', 300, 16),
  tokenizer: 'abc',
  backend: 'reference',
})

describe('training/checkpoint', (test) => {
  test('what is written is read, and the newest is found; two are kept', async () => {
    const at = join(folder, 'kept')
    mkdirSync(at)
    assert.is(right(await latestCheckpoint(at)()), undefined)
    for (const step of [1, 2, 10]) right(await writeCheckpoint(at, header(step), arrays, avals)())
    assert.equal(readdirSync(at).sort(), ['step-00000002.safetensors', 'step-00000010.safetensors'])
    const found = right(await latestCheckpoint(at)())!
    assert.is(found.header.step, 10)
    assert.equal(found.header.model, header(10).model)
    for (const [name, data] of arrays) assert.ok(Object.is(found.arrays.get(name)![0], data[0]), name)
    assert.ok(E.isRight(requireTensors(found, avals)))
    const wider = requireTensors(found, new Map([['params/a', aval('f32', 3)]]))
    assert.ok(E.isLeft(wider) && wider.left.expected === 'f32[3]' && wider.left.got === 'f32[2]')
  })

  test('law: any flipped bit of the file is noticed', async () => {
    const at = join(folder, 'bits')
    mkdirSync(at)
    const path = right(await writeCheckpoint(at, header(1), arrays, avals)())
    const bytes = readFileSync(path)
    for (let i = 0; i < bytes.length; i++)
      for (const bit of [1, 2, 4, 8, 16, 32, 64, 128]) {
        const flipped = Buffer.from(bytes)
        flipped[i] = flipped[i]! ^ bit
        writeFileSync(path, flipped)
        const read = await readCheckpoint(path)()
        assert.ok(E.isLeft(read), `byte ${i}, bit ${bit} of ${JSON.stringify(String.fromCharCode(bytes[i]!))}`)
      }
  })

  test('a write that fails leaves what was there, and no half file', async () => {
    const path = join(folder, 'file.txt')
    right(await atomicWrite(path, [Buffer.from('old')])())
    const failed = await atomicWrite(join(path, 'below'), [Buffer.from('new')])()
    assert.ok(E.isLeft(failed) && failed.left._tag === 'IoError')
    assert.is(readFileSync(path, 'utf8'), 'old')
    const full = await atomicWrite('/dev/full/x', [Buffer.from('new')])()
    assert.ok(E.isLeft(full))
    const broken = async function* (): AsyncGenerator<E.Either<Fault, Uint8Array>> {
      yield E.right(Buffer.from('new'))
      await Promise.resolve()
      yield E.left(badInput('row', 'file:2', 'a row', 'none'))
    }
    assert.equal(await atomicWriteStream(path, broken())(), E.left(badInput('row', 'file:2', 'a row', 'none')))
    assert.is(readFileSync(path, 'utf8'), 'old')
    assert.equal(
      readdirSync(folder).filter((name) => name.endsWith('.tmp')),
      [],
    )
  })

  test('a disk without room is refused before anything is made', async () => {
    const out = join(folder, 'a', 'b', 'c')
    const none = await checkOut(out, 2 ** 60)()
    assert.ok(E.isLeft(none) && /room for two checkpoints/.test(none.left.expected) && /MB free/.test(none.left.got))
    assert.ok(E.isRight(await checkOut(out, 1000)()))
    assert.is(existsSync(join(folder, 'a')), false)
  })

  test('configs are compared key by key, whatever their order', () => {
    assert.ok(E.isRight(sameConfig({ a: 1, b: [2] }, { b: [2], a: 1 }, 'f')))
    const other = sameConfig({ a: 1, b: 2 }, { a: 1, b: 3, c: 4 }, 'f')
    assert.ok(E.isLeft(other))
    assert.is(other.left.expected, 'the config of the checkpoint (b = 2, c = nothing)')
    assert.is(other.left.got, 'b = 3, c = 4')
  })
})
