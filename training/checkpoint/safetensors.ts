import * as E from 'fp-ts/Either'
import * as t from 'io-ts'
import { NonNegativeInt, sizeOf } from '../../core'
import { badInput, type Fault } from '../fault'

/** F64 is what the reference device computes in: its state resumes bit for bit as well. */
export type StoredDtype = 'F32' | 'F64' | 'I32' | 'I64'
type StoredData = Float32Array | Float64Array | Int32Array | BigInt64Array

/** How each dtype of a file is read: halves as the f32 that they are, exactly. */
const readers: Readonly<
  Record<string, { readonly bytes: number; readonly dtype: StoredDtype; readonly read: (b: ArrayBuffer) => StoredData }>
> = {
  F32: { bytes: 4, dtype: 'F32', read: (b) => new Float32Array(b) },
  F64: { bytes: 8, dtype: 'F64', read: (b) => new Float64Array(b) },
  I32: { bytes: 4, dtype: 'I32', read: (b) => new Int32Array(b) },
  I64: { bytes: 8, dtype: 'I64', read: (b) => new BigInt64Array(b) },
  F16: { bytes: 2, dtype: 'F32', read: (b) => Float32Array.from(new Uint16Array(b), fromF16) },
  BF16: { bytes: 2, dtype: 'F32', read: (b) => fromBf16(new Uint16Array(b)) },
}

/** The number of IEEE 754's binary16: a sign, 5 bits of exponent, 10 of fraction. */
const fromF16 = (bits: number): number => {
  const sign = bits & 0x8000 ? -1 : 1
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023]
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25))
}

/** bfloat16 is the upper half of an f32. */
const fromBf16 = (halves: Uint16Array): Float32Array =>
  new Float32Array(Uint32Array.from(halves, (bits) => bits << 16).buffer)

/** A named array as it is stored: little-endian, row-major. */
export interface StoredTensor {
  readonly dtype: StoredDtype
  readonly shape: readonly number[]
  readonly data: StoredData
}
export interface SafetensorsFile {
  readonly tensors: ReadonlyMap<string, StoredTensor>
  readonly metadata: Readonly<Record<string, string>>
}

const Entry = t.type({
  dtype: t.string,
  shape: t.readonlyArray(NonNegativeInt),
  data_offsets: t.tuple([NonNegativeInt, NonNegativeInt]),
})
const Header = t.record(t.string, t.unknown)

/** Larger headers are refused, as the format's own library does: they are not headers. */
const maxHeaderBytes = 100_000_000

/**
 * The safetensors format (huggingface/safetensors, format description of 2022): an 8-byte little-endian header length, a JSON
 * header, then the data. The header is padded with spaces to a multiple of 8, names are in sorted order.
 */
export const encodeSafetensors = ({ tensors, metadata }: SafetensorsFile): readonly Uint8Array[] => {
  const names = [...tensors.keys()].sort()
  const header: Record<string, unknown> = { __metadata__: metadata }
  let offset = 0
  for (const name of names) {
    const { dtype, shape, data } = tensors.get(name)!
    header[name] = { dtype, shape, data_offsets: [offset, offset + data.byteLength] }
    offset += data.byteLength
  }
  const json = Buffer.from(JSON.stringify(header))
  const padded = Buffer.alloc(Math.ceil(json.length / 8) * 8, ' ')
  json.copy(padded)
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(padded.length))
  const parts = names.map((name) => {
    const { data } = tensors.get(name)!
    return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  })
  return [length, padded, ...parts]
}

/** Everything is checked before anything is used: lengths, names, dtypes, shapes, that the data is covered without overlap. */
export const decodeSafetensors = (bytes: Uint8Array, where: string): E.Either<Fault, SafetensorsFile> => {
  const wrong = (expected: string, got: string): E.Either<Fault, never> =>
    E.left(badInput('safetensors file', where, expected, got, 'the file is damaged or of another format'))
  if (bytes.byteLength < 8) return wrong('at least 8 bytes', String(bytes.byteLength))
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const headerBytes = Number(view.getBigUint64(0, true))
  if (headerBytes > maxHeaderBytes || 8 + headerBytes > bytes.byteLength)
    return wrong(`a header inside the file's ${bytes.byteLength} bytes`, `a header of ${headerBytes} bytes`)
  const parsed = parseJson(Buffer.from(bytes.buffer, bytes.byteOffset + 8, headerBytes).toString('utf8'))
  const header = Header.decode(parsed)
  if (E.isLeft(header)) return wrong('a header that is a JSON record', 'something else')
  const { __metadata__: metadata = {}, ...entries } = header.right
  const texts = t.record(t.string, t.string).decode(metadata)
  if (E.isLeft(texts)) return wrong('__metadata__ of texts', 'something else')
  const data = bytes.subarray(8 + headerBytes)
  const tensors = new Map<string, StoredTensor>()
  const spans: (readonly [number, number, string])[] = []
  for (const [name, raw] of Object.entries(entries)) {
    const entry = Entry.decode(raw)
    if (E.isLeft(entry)) return wrong(`dtype, shape and data_offsets for "${name}"`, JSON.stringify(raw).slice(0, 80))
    const {
      dtype,
      shape,
      data_offsets: [from, to],
    } = entry.right
    if (!Object.hasOwn(readers, dtype)) return wrong(`dtype ${Object.keys(readers).join(', ')} for "${name}"`, dtype)
    const { bytes: bytesPer, dtype: readAs, read } = readers[dtype]!
    const size = bytesPer * sizeOf(shape)
    if (to - from !== size || to > data.byteLength)
      return wrong(`${size} bytes for "${name}" inside ${data.byteLength} bytes of data`, `bytes ${from} to ${to}`)
    // A copy: the data of a file begins wherever it does, and a Buffer's own slice is a view.
    const copy = Uint8Array.from(data.subarray(from, to)).buffer
    tensors.set(name, { dtype: readAs, shape, data: read(copy) })
    spans.push([from, to, name])
  }
  spans.sort((a, b) => a[0] - b[0] || a[1] - b[1])
  let end = 0
  for (const [from, to, name] of spans) {
    if (from !== end) return wrong(`"${name}" to begin at byte ${end} of the data`, `byte ${from}`)
    end = to
  }
  if (end !== data.byteLength) return wrong(`${end} bytes of data`, String(data.byteLength))
  return E.right({ tensors, metadata: texts.right })
}

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}
