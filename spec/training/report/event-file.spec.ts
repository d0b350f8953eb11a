import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { crc32c, fileHeader, scalarRecord } from '../../../training/report/event-file'
import { describe } from '../../harness'

/** Records of a file, their sums checked: written from the format's description, bit by bit. */
const records = (file: Uint8Array): readonly Buffer[] => {
  const bytes = Buffer.from(file)
  const masked = (data: Uint8Array): number => {
    let c = 0xffffffff
    for (const b of data) {
      c ^= b
      for (let k = 0; k < 8; k++) c = (c >>> 1) ^ (c & 1 ? 0x82f63b78 : 0)
    }
    const sum = BigInt((c ^ 0xffffffff) >>> 0)
    return Number(((((sum >> 15n) | (sum << 17n)) & 0xffffffffn) + 0xa282ead8n) & 0xffffffffn)
  }
  const out: Buffer[] = []
  for (let at = 0; at < bytes.length;) {
    const length = Number(bytes.readBigUInt64LE(at))
    assert.is(bytes.readUInt32LE(at + 8), masked(bytes.subarray(at, at + 8)))
    const data = bytes.subarray(at + 12, at + 12 + length)
    assert.is(bytes.readUInt32LE(at + 12 + length), masked(data))
    out.push(data)
    at += 16 + length
  }
  return out
}

/** Fields of a protocol buffer: [number, value]. */
const fields = (data: Buffer): readonly (readonly [number, number | Buffer])[] => {
  const out: (readonly [number, number | Buffer])[] = []
  let at = 0
  const varint = (): number => {
    let [n, shift] = [0, 1]
    for (;;) {
      const b = data[at++]!
      n += (b & 127) * shift
      if (b < 128) return n
      shift *= 128
    }
  }
  while (at < data.length) {
    const tag = varint()
    const [field, wire] = [tag >>> 3, tag & 7]
    if (wire === 0) out.push([field, varint()])
    else if (wire === 1) out.push([field, data.readDoubleLE((at += 8) - 8)])
    else if (wire === 5) out.push([field, data.readFloatLE((at += 4) - 4)])
    else {
      const length = varint()
      out.push([field, data.subarray(at, (at += length))])
    }
  }
  return out
}

describe('training/report: event files', (test) => {
  test('the sum of RFC 3720', () => {
    assert.is(crc32c(Buffer.from('123456789')), 0xe3069283)
    assert.is(crc32c(Buffer.alloc(32)), 0x8a9136aa)
  })

  test('a header, then scalars: what was written is read', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string({ minLength: 1 }), fc.float({ noNaN: true }), { maxKeys: 5, noNullPrototype: true }),
        fc.nat({ max: 2 ** 40 }),
        (scalars, step) => {
          const [header, event] = records(
            Buffer.concat([fileHeader(7.5), scalarRecord({ wallTime: 8.25, step, scalars })]),
          )
          assert.equal(fields(header!), [
            [1, 7.5],
            [3, Buffer.from('brain.Event:2')],
          ])
          const [wall, at, summary] = fields(event!)
          assert.equal(
            [wall, at],
            [
              [1, 8.25],
              [2, step],
            ],
          )
          const values = fields(summary![1] as Buffer).map(([field, value]) => {
            assert.is(field, 1)
            const [tag, number] = fields(value as Buffer)
            return [String(tag![1]), number![1]]
          })
          assert.equal(values, Object.entries(scalars))
        },
      ),
      { seed: 5, numRuns: 200 },
    )
  })
})
