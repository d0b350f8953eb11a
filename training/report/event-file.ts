/**
 * TensorBoard's event files: TFRecords of `Event` messages with scalars. The format is that of tensorflow/core/util/event.proto and
 * tensorflow/core/lib/io/record_writer.h: each record is its length (u64, little-endian), the masked CRC-32C of that, the message, the
 * masked CRC-32C of it.
 */

export interface ScalarEvent {
  /** Seconds since 1970. */
  readonly wallTime: number
  readonly step: number
  readonly scalars: { readonly [tag: string]: number }
}

/** The first record of a file. */
export const fileHeader = (wallTime: number): Uint8Array =>
  record(message([double(1, wallTime), bytes(3, Buffer.from('brain.Event:2'))]))

export const scalarRecord = ({ wallTime, step, scalars }: ScalarEvent): Uint8Array => {
  const values = Object.entries(scalars).map(([tag, value]) =>
    bytes(1, message([bytes(1, Buffer.from(tag)), float(2, value)])),
  )
  return record(message([double(1, wallTime), integer(2, step), bytes(5, message(values))]))
}

const record = (data: Uint8Array): Uint8Array => {
  const out = Buffer.alloc(12 + data.length + 4)
  out.writeBigUInt64LE(BigInt(data.length), 0)
  out.writeUInt32LE(maskedCrc(out.subarray(0, 8)), 8)
  out.set(data, 12)
  out.writeUInt32LE(maskedCrc(data), 12 + data.length)
  return out
}

// Protocol buffers, as far as events need them: tags, varints, fixed numbers, bytes.

const message = (parts: readonly Uint8Array[]): Uint8Array => Buffer.concat(parts)

const varint = (n: number): Uint8Array => {
  const out: number[] = []
  let rest = n
  for (; rest >= 128; rest = Math.floor(rest / 128)) out.push((rest % 128) | 128)
  return Uint8Array.from([...out, rest])
}
const tagOf = (field: number, wire: number): Uint8Array => varint(field * 8 + wire)
const integer = (field: number, n: number): Uint8Array => message([tagOf(field, 0), varint(n)])
const bytes = (field: number, data: Uint8Array): Uint8Array => message([tagOf(field, 2), varint(data.length), data])
const double = (field: number, x: number): Uint8Array => {
  const out = Buffer.alloc(8)
  out.writeDoubleLE(x)
  return message([tagOf(field, 1), out])
}
const float = (field: number, x: number): Uint8Array => {
  const out = Buffer.alloc(4)
  out.writeFloatLE(x)
  return message([tagOf(field, 5), out])
}

/** Castagnoli's polynomial, bits reversed. */
const polynomial = 0x82f63b78
const table = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n
  for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ polynomial : c >>> 1
  return c
})

/** CRC-32C (RFC 3720, §12.1). */
export const crc32c = (data: Uint8Array): number => {
  let c = 0xffffffff
  for (const b of data) c = table[(c ^ b) & 0xff]! ^ (c >>> 8)
  return (c ^ 0xffffffff) >>> 0
}

/** As records have it, so that the sum of data that holds sums stays telling. */
const maskedCrc = (data: Uint8Array): number => {
  const c = crc32c(data)
  return (((c >>> 15) | (c << 17)) + 0xa282ead8) >>> 0
}
