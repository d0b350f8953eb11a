import { createHash } from 'node:crypto'
import { readdir, readFile, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import * as E from 'fp-ts/Either'
import * as t from 'io-ts'
import type * as TE from 'fp-ts/TaskEither'
import { closed, codecFaults, NonNegativeInt, showAval, sizeOf, type Aval } from '../../core'
import type { HostArray } from '../../kernels'
import { PairConfig } from '../../models'
import { badInput, type Fault } from '../fault'
import { atomicWrite, describeError } from './atomic-write'
import { decodeSafetensors, encodeSafetensors, type StoredTensor } from './safetensors'

/** What a training checkpoint says of itself, beside its tensors. */
export const CheckpointHeader = closed(
  'CheckpointHeader',
  {
    format: t.literal(1),
    step: NonNegativeInt,
    config: t.UnknownRecord, // what a resumed run must share
    model: PairConfig,
    tokenizer: t.string, // fingerprint
    backend: t.string,
    sha256: t.string, // of the rest of this header and of the data, tensors in sorted order of name
  },
  { tokens: NonNegativeInt }, // of all steps, where rows can be padded: not as many in each
)
export type CheckpointHeader = t.TypeOf<typeof CheckpointHeader>

export interface Checkpoint {
  readonly header: CheckpointHeader
  readonly arrays: ReadonlyMap<string, HostArray>
  readonly avals: ReadonlyMap<string, Aval>
  readonly path: string
}

const fileName = (step: number): string => `step-${String(step).padStart(8, '0')}.safetensors`
const filePattern = /^step-(\d{8})\.safetensors$/
/** Older ones are removed once newer ones are on the disk; by default one is kept in case the newest is damaged. */
const usuallyKept = 2

const digest = (header: Omit<CheckpointHeader, 'sha256'>, tensors: ReadonlyMap<string, StoredTensor>): string => {
  const hash = createHash('sha256').update(canonical(header))
  for (const name of [...tensors.keys()].sort()) {
    const { data, shape, dtype } = tensors.get(name)!
    hash.update(`${name}:${dtype}:${shape.join()}\n`)
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
  }
  return hash.digest('hex')
}

/** JSON with the keys of records in sorted order: one text for one value. */
const canonical = (value: unknown): string =>
  JSON.stringify(value, (_, v: unknown) =>
    typeof v === 'object' && v !== null && !Array.isArray(v)
      ? Object.fromEntries(Object.entries(v).sort(([a], [b]) => (a < b ? -1 : 1)))
      : v,
  )

/** Write a checkpoint into a folder, where the newest `kept` stay; gives its path. A run killed at any moment leaves the one before it whole. */
export const writeCheckpoint =
  (
    folder: string,
    header: Omit<CheckpointHeader, 'format' | 'sha256'>,
    arrays: ReadonlyMap<string, HostArray>,
    avals: ReadonlyMap<string, Aval>,
    kept: number = usuallyKept,
  ): TE.TaskEither<Fault, string> =>
  async () => {
    const tensors = new Map<string, StoredTensor>()
    for (const [name, data] of arrays) {
      const { shape, dtype } = avals.get(name)!
      tensors.set(
        name,
        dtype === 'i32'
          ? { dtype: 'I32', shape, data: Int32Array.from(data) }
          : data instanceof Float64Array
            ? { dtype: 'F64', shape, data }
            : { dtype: 'F32', shape, data: Float32Array.from(data) },
      )
    }
    const unsigned = { format: 1, ...header } as const
    const full: CheckpointHeader = { ...unsigned, sha256: digest(unsigned, tensors) }
    const path = join(folder, fileName(header.step))
    const written = await atomicWrite(path, encodeSafetensors({ tensors, metadata: { emend: JSON.stringify(full) } }))()
    if (E.isLeft(written)) return written
    await prune(folder, fileName(header.step), kept)
    return E.right(path)
  }

const checkpointFiles = async (folder: string): Promise<readonly string[]> =>
  (await readdir(folder).catch(() => [])).filter((name) => filePattern.test(name)).sort()

/** Leaves the one just written and the newest of the others, `kept` in all. */
const prune = async (folder: string, written: string, kept: number): Promise<void> => {
  const others = (await checkpointFiles(folder)).filter((name) => name !== written)
  const old = others.slice(0, Math.max(0, others.length - (kept - 1)))
  for (const name of old) await unlink(join(folder, name)).catch(() => undefined)
}

/** The newest checkpoint in a folder; undefined where there is none. */
export const latestCheckpoint =
  (folder: string): TE.TaskEither<Fault, Checkpoint | undefined> =>
  async () => {
    const name = (await checkpointFiles(folder)).at(-1)
    return name === undefined ? E.right(undefined) : readCheckpoint(join(folder, name))()
  }

/** Read and check one file: truncated, altered and foreign files each say so. */
export const readCheckpoint =
  (path: string): TE.TaskEither<Fault, Checkpoint> =>
  async () => {
    let bytes: Buffer
    try {
      bytes = await readFile(path)
    } catch (error) {
      return E.left(badInput('checkpoint', path, 'a readable file', describeError(error)))
    }
    const file = decodeSafetensors(bytes, path)
    if (E.isLeft(file)) return file
    const text = file.right.metadata.emend
    if (text === undefined)
      return E.left(
        badInput('checkpoint', path, 'a checkpoint written by emend', 'a safetensors file without its header'),
      )
    const header = decodeHeader(text, path)
    if (E.isLeft(header)) return header
    const { sha256, ...unsigned } = header.right
    const found = digest(unsigned, file.right.tensors)
    if (found !== sha256)
      return E.left(
        badInput(
          'checkpoint',
          path,
          `contents with sha256 ${sha256.slice(0, 12)}`,
          found.slice(0, 12),
          'the file has been altered since it was written',
        ),
      )
    const avals = new Map<string, Aval>()
    const arrays = new Map<string, HostArray>()
    for (const [name, { dtype, shape, data }] of file.right.tensors) {
      if (data instanceof BigInt64Array)
        return E.left(badInput(`checkpoint tensor ${name}`, path, 'F32, F64 or I32', dtype))
      avals.set(name, { dtype: dtype === 'I32' ? 'i32' : 'f32', shape })
      arrays.set(name, data)
    }
    return E.right({ header: header.right, arrays, avals, path })
  }

const decodeHeader = (text: string, path: string): E.Either<Fault, CheckpointHeader> => {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    parsed = undefined
  }
  const header = CheckpointHeader.decode(parsed)
  if (E.isRight(header)) return header
  const [first] = codecFaults(header.left)
  return E.left(
    badInput(
      'checkpoint header',
      path,
      `${first?.key ?? ''} ${first?.expected ?? 'a header'}`.trim(),
      first?.got ?? 'another',
    ),
  )
}

/** The tensors a model needs, all of them and of its shapes: else one fault that names the first that differs. */
export const requireTensors = (checkpoint: Checkpoint, wanted: ReadonlyMap<string, Aval>): E.Either<Fault, void> => {
  for (const [name, aval] of wanted) {
    const got = checkpoint.avals.get(name)
    if (
      got === undefined ||
      got.dtype !== aval.dtype ||
      got.shape.join() !== aval.shape.join() ||
      checkpoint.arrays.get(name)!.length !== sizeOf(aval.shape)
    )
      return E.left(
        badInput(
          `checkpoint tensor ${name}`,
          checkpoint.path,
          showAval(aval),
          got === undefined ? 'none' : showAval(got),
        ),
      )
  }
  return E.right(undefined)
}

/** Two configs of one run, key by key; keys that may differ are left out by the caller. */
export const sameConfig = (
  saved: Readonly<Record<string, unknown>>,
  given: Readonly<Record<string, unknown>>,
  path: string,
): E.Either<Fault, void> => {
  const keys = [...new Set([...Object.keys(saved), ...Object.keys(given)])].sort()
  const different = keys.filter((key) => JSON.stringify(saved[key]) !== JSON.stringify(given[key]))
  const show = (config: Readonly<Record<string, unknown>>): string =>
    different.map((key) => `${key} = ${JSON.stringify(config[key]) ?? 'nothing'}`).join(', ')
  return different.length === 0
    ? E.right(undefined)
    : E.left(
        badInput(
          '--resume',
          path,
          `the config of the checkpoint (${show(saved)})`,
          show(given),
          'give the same options, or another --out',
        ),
      )
}
