import * as E from 'fp-ts/Either'
import { dataFault, type DataFault } from '../../fault'
import type { AddedToken } from '../added-tokens'
import type { Normalizer } from '../components'
import { charsmap } from '../parts/charsmap'
import { spaceMark, type SentencePieceText } from '../parts/sentence-piece-text'
import type { BpeSpec, TokenizerSpec, UnigramSpec } from '../spec'
import { tokenizerOf, type Tokenizer } from '../tokenizer'
import { fieldsOf, type Field } from './protobuf'

/** Kinds of pieces; sentencepiece_model.proto, `ModelProto.SentencePiece.Type`. */
const kinds = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const
const modelTypes: Readonly<Record<number, string>> = { 1: 'Unigram', 2: 'BPE', 3: 'WORD', 4: 'CHAR' }

interface Piece {
  readonly text: string
  readonly score: number
  readonly kind: number
}

/**
 * Reads a SentencePiece model: ids are those of the SentencePiece library. Written as tokenizer.json it is what comes closest there
 * (as in Hugging Face's own conversion): replacements of several characters at once, and scores that tie in float32, can differ.
 * source  sentencepiece_model.proto; unigram_model.cc, bpe_model.cc, normalizer.cc
 * left    no model; a type other than unigram and BPE; a damaged character map
 */
export const fromSentencePiece = (bytes: Uint8Array, where = 'sp.model'): E.Either<DataFault, Tokenizer> => {
  const wrong = (expected: string, got: string) => E.left(dataFault('tokenizer', where, expected, got))
  const parsed = fieldsOf(bytes)
  if (E.isLeft(parsed)) return wrong('a SentencePiece model', parsed.left)
  const message = (number: number): E.Either<string, readonly Field[]> =>
    fieldsOf(bytesIn(parsed.right, number) ?? new Uint8Array(0))
  const [trainer, normalizer] = [message(2), message(3)]
  if (E.isLeft(trainer)) return wrong('a SentencePiece model', `${trainer.left} of trainer_spec`)
  if (E.isLeft(normalizer)) return wrong('a SentencePiece model', `${normalizer.left} of normalizer_spec`)
  const pieces: Piece[] = []
  for (const { number, value } of parsed.right) {
    if (number !== 1 || typeof value === 'number') continue
    const fields = fieldsOf(value)
    if (E.isLeft(fields)) return wrong('a SentencePiece model', `${fields.left} of piece ${pieces.length}`)
    pieces.push(pieceOf(fields.right))
  }
  const unkId = pieces.findIndex(({ kind }) => kind === kinds.unknown)
  if (unkId < 0) return wrong('a SentencePiece model', `${pieces.length} pieces, none of them for what is unknown`)
  const type = numberIn(trainer.right, 3) ?? 1
  if (type !== 1 && type !== 2)
    return wrong('a SentencePiece model of type unigram or BPE', modelTypes[type] ?? `type ${type}`)
  if (type === 2 && pieces.some(({ kind }) => kind === kinds.unused))
    return wrong('a BPE model without unused pieces', `${pieces.filter(({ kind }) => kind === kinds.unused).length} of them`) // prettier-ignore
  const blob = bytesIn(normalizer.right, 2) ?? new Uint8Array(0)
  const map = charsmap(blob)
  if (E.isLeft(map)) return wrong('a character map', map.left)
  const flag = (fields: readonly Field[], number: number, byDefault: number) => (numberIn(fields, number) ?? byDefault) !== 0 // prettier-ignore
  const text: SentencePieceText = {
    charsmap: map.right,
    addsDummyPrefix: flag(normalizer.right, 3, 1),
    removesExtraSpaces: flag(normalizer.right, 4, 1),
    escapesSpaces: flag(normalizer.right, 5, 1),
    spaceIsSuffix: flag(trainer.right, 24, 0),
    atoms: pieces.filter(({ kind }) => kind === kinds.userDefined).map((piece) => piece.text),
  }
  const byteFallback = flag(trainer.right, 35, 0)
  const made = tokenizerOf(
    specOf(
      text,
      blob,
      pieces,
      type === 2 ? bpeSpec(pieces, unkId, byteFallback, text) : unigramSpec(pieces, unkId, byteFallback),
    ),
  )
  return E.isRight(made) ? made : wrong('a SentencePiece model', made.left)
}

const bytesIn = (fields: readonly Field[], number: number): Uint8Array | undefined => {
  const value = fields.filter((field) => field.number === number).at(-1)?.value
  return typeof value === 'number' ? undefined : value
}
const numberIn = (fields: readonly Field[], number: number): number | undefined => {
  const value = fields.filter((field) => field.number === number).at(-1)?.value
  return typeof value === 'number' ? value : undefined
}

const pieceOf = (fields: readonly Field[]): Piece => {
  const score = bytesIn(fields, 2)
  return {
    text: Buffer.from(bytesIn(fields, 1) ?? new Uint8Array(0)).toString('utf8'),
    score: score?.length === 4 ? Buffer.from(score).readFloatLE() : 0,
    kind: numberIn(fields, 3) ?? kinds.normal,
  }
}

const isForText = ({ kind }: Piece): boolean => kind === kinds.normal || kind === kinds.userDefined

const unigramSpec = (pieces: readonly Piece[], unkId: number, byteFallback: boolean): UnigramSpec => ({
  type: 'Unigram',
  tokens: pieces.map(({ text }) => text),
  scores: pieces.map(({ score }) => score),
  unkId,
  byteFallback,
  sentencePiece: {
    pieces: new Set(pieces.flatMap((piece, id) => (isForText(piece) ? [id] : []))),
    atoms: new Set(pieces.flatMap(({ kind }, id) => (kind === kinds.userDefined ? [id] : []))),
  },
})

/** SentencePiece joins whatever two symbols make a piece, best score first: each way to part a piece in two is a merge of its rank. */
const bpeSpec = (
  pieces: readonly Piece[],
  unkId: number,
  byteFallback: boolean,
  { atoms }: SentencePieceText,
): BpeSpec => {
  const idOf = new Map(pieces.flatMap((piece, id) => (piece.kind === kinds.normal ? [[piece.text, id] as const] : [])))
  const byScore = [...idOf].sort(([, a], [, b]) => pieces[b]!.score - pieces[a]!.score || a - b)
  const merges: Array<readonly [number, number]> = []
  for (const [text] of byScore)
    for (let cut = 1; cut < text.length; cut += 1) {
      const [left, right] = [idOf.get(text.slice(0, cut)), idOf.get(text.slice(cut))]
      if (left !== undefined && right !== undefined) merges.push([left, right])
    }
  return {
    type: 'BPE',
    tokens: pieces.map(({ text }) => text),
    merges,
    unk: pieces[unkId]!.text,
    fuseUnk: true,
    byteFallback,
    rankedByPiece: true,
    ...(atoms.length === 0 ? {} : { atoms: new Set(atoms) }),
  }
}

const specOf = (
  text: SentencePieceText,
  charsmapBlob: Uint8Array,
  pieces: readonly Piece[],
  model: UnigramSpec | BpeSpec,
): TokenizerSpec => {
  const added = pieces.flatMap(({ text: content, kind }, id): AddedToken[] =>
    kind === kinds.control || kind === kinds.unknown || kind === kinds.userDefined
      ? [{ id, content, special: kind !== kinds.userDefined, lstrip: false, rstrip: false }]
      : [],
  )
  const space = { pattern: { String: spaceMark }, content: ' ' }
  const prefix = text.addsDummyPrefix && !text.spaceIsSuffix
  const spaces = text.removesExtraSpaces ? 2 ** 31 - 1 : text.addsDummyPrefix ? 1 : 0 // at the beginning, that decoding takes away
  return {
    added,
    normalizer: { type: 'Sequence', normalizers: closestNormalizers(text, charsmapBlob) },
    preTokenizer: { type: 'Metaspace', replacement: spaceMark, prepend_scheme: prefix ? 'always' : 'never', split: model.type === 'Unigram' }, // prettier-ignore
    model,
    postProcessor: null,
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', ...space },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        {
          type: 'Strip',
          content: ' ',
          start: spaces,
          stop: 0,
        },
      ],
    },
    sentencePiece: text,
  }
}

const closestNormalizers = (text: SentencePieceText, blob: Uint8Array): readonly Normalizer[] => [
  ...(blob.length === 0
    ? []
    : [{ type: 'Precompiled' as const, precompiled_charsmap: Buffer.from(blob).toString('base64') }]),
  ...(text.removesExtraSpaces
    ? [
        { type: 'Strip' as const, strip_left: true, strip_right: true },
        { type: 'Replace' as const, pattern: { Regex: ' {2,}' }, content: ' ' },
      ]
    : []),
]
