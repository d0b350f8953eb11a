import { createHash } from 'node:crypto'
import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import { streamDocuments, type Document } from '../read-text'
import { splitDocuments } from '../split'
import type { Fault } from '../../fault'
import type { HeldOutRule, SetName } from './manifest'

/** A document of a build: which set it falls to, and sha256(0, text) as `splitDocuments` takes it. */
export interface PartedDocument {
  readonly set: SetName
  readonly text: string
  readonly hash: string
}

/** Documents that are looked through before the first is packed; of a longer corpus, hashes are taken to be evenly spread. */
const mostSurveyed = 1 << 20

/** 52 bits of a hash: exact as a number. */
const bitsOf = (hash: string): number => parseInt(hash.slice(0, 13), 16)
const hashOf = (text: string): string => createHash('sha256').update('0\n').update(text).digest('hex')

/**
 * Which documents a share is: those that `splitDocuments` holds out, found in a first reading in bounded memory (8 bytes a document).
 * Beyond 2^20 documents it is those whose hash is below the share, and nothing more is read.
 */
export const surveyHeldOut =
  (files: readonly string[], share: number): TE.TaskEither<Fault, HeldOutRule> =>
  async () => {
    if (share === 0) return E.right({ kind: 'none' })
    const hashes = new Float64Array(mostSurveyed)
    let documents = 0
    for await (const next of streamDocuments(files)) {
      if (E.isLeft(next)) return next
      if (documents === mostSurveyed) return E.right({ kind: 'hash', cut: Math.floor(share * 2 ** 52) - 1 })
      hashes[documents++] = bitsOf(hashOf(next.right.text))
    }
    const sorted = hashes.subarray(0, documents).sort()
    const distinct = sorted.filter((hash, i) => i === 0 || hash !== sorted[i - 1])
    if (distinct.length === 1) return E.right({ kind: 'end' })
    const wanted = Math.min(distinct.length - 1, Math.max(1, Math.round(share * distinct.length)))
    return E.right({ kind: 'hash', cut: distinct[wanted - 1]! })
  }

export interface PartedFiles {
  readonly files: readonly string[]
  readonly heldOutFiles: readonly string[]
  readonly share: number
}

/** The documents of a build in order, each with its set; the first Left is the last element. */
export async function* partedDocuments(
  { files, heldOutFiles, share }: PartedFiles,
  rule: HeldOutRule,
): AsyncGenerator<E.Either<Fault, PartedDocument>> {
  const parted = (set: SetName, { text }: Document): E.Either<Fault, PartedDocument> =>
    E.right({ set, text, hash: hashOf(text) })
  for await (const next of streamDocuments(files)) {
    if (E.isLeft(next)) {
      yield next
      return
    }
    if (rule.kind === 'end') {
      const split = splitDocuments([next.right], { fraction: share })
      if (E.isLeft(split)) yield split
      else {
        for (const document of split.right.train) yield parted('train', document)
        for (const document of split.right.heldOut) yield parted('heldOut', document)
      }
      return // all others are the same text
    }
    const document = parted('train', next.right)
    const isHeldOut = rule.kind === 'hash' && E.isRight(document) && bitsOf(document.right.hash) <= (rule.cut ?? -1)
    yield isHeldOut ? E.right({ ...document.right, set: 'heldOut' }) : document
  }
  if (heldOutFiles.length > 0)
    for await (const next of streamDocuments(heldOutFiles)) yield E.isLeft(next) ? next : parted('heldOut', next.right)
}
