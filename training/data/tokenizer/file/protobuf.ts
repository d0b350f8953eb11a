import * as E from 'fp-ts/Either'

/**
 * A field of a message: its number, and its value: a number for varints, its bytes for all else (fixed-width numbers are
 * little-endian).
 * source  protobuf.dev/programming-guides/encoding
 */
export interface Field {
  readonly number: number
  readonly value: number | Uint8Array
}

/**
 * The fields of a protobuf message in order; what they mean is the reader's to know.
 * left  where it ends too early or is no protobuf
 */
export const fieldsOf = (bytes: Uint8Array): E.Either<string, readonly Field[]> => {
  const fields: Field[] = []
  let at = 0
  const varint = (): number => {
    let value = 0
    for (let scale = 1; at < bytes.length; scale *= 128) {
      const byte = bytes[at++]!
      value += (byte & 127) * scale // beyond 2^53 not exact: no such number is asked for
      if (byte < 128) return value
    }
    return NaN
  }
  while (at < bytes.length) {
    const start = at
    const tag = varint()
    const wire = tag % 8
    const number = Math.floor(tag / 8)
    if (wire === 0) fields.push({ number, value: varint() })
    else {
      const length = wire === 1 ? 8 : wire === 5 ? 4 : wire === 2 ? varint() : NaN
      fields.push({ number, value: bytes.subarray(at, at + length) })
      at += length
    }
    const last = fields.at(-1)!.value
    if (!(number > 0) || !(at <= bytes.length) || Number.isNaN(last)) return E.left(`no field at byte ${start}`)
  }
  return E.right(fields)
}
