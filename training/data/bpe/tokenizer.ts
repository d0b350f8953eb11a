import { createHash } from 'node:crypto'
import * as E from 'fp-ts/Either'
import { dataFault, type DataFault } from '../fault'
import { splitAdded } from './added-tokens'
import { byteToChar, bytesOfToken } from './byte-alphabet'
import { applyMerges, type MergeTable } from './merge'
import { roomFor } from './pair-counts'
import { PairTable } from './pair-table'
import { toJson, type TokenizerJson } from './to-json'
import type { SpecialIds, TokenizerSpec } from './vocabulary'
import { detached, nextWord } from './words'

export interface Tokenizer {
  readonly spec: TokenizerSpec
  readonly vocabSize: number // largest id + 1
  /** ids of the specials by role ([CLS] or <s>, and so on); a foreign vocabulary may lack some */
  readonly specials: Partial<SpecialIds>
  readonly isSpecial: (id: number) => boolean
  /**
   * Ids of a text, without [CLS] or [SEP] around them. Text that looks like a special token is text, unless
   * `specials: 'parse'`, which is how Hugging Face reads it. An unpaired surrogate is read as U+FFFD.
   */
  readonly encode: (text: string, options?: { readonly specials?: 'text' | 'parse' }) => Int32Array
  /** Text of ids; bytes that are not UTF-8 become U+FFFD; specials are left out unless `specials: 'keep'`. */
  readonly decode: (ids: ArrayLike<number>, options?: { readonly specials?: 'skip' | 'keep' }) => string
  readonly idOf: (token: string) => number | undefined
  /** The token as tokenizer.json spells it: 'Ġthe', '[MASK]'. */
  readonly tokenOf: (id: number) => string | undefined
  /** The text of one token for people: ' the', '[MASK]'; part of a character shows as U+FFFD. */
  readonly tokenText: (id: number) => string
  /** sha256, in hex, of the canonical tokenizer.json: equal for equal vocabularies however their files are laid out. */
  readonly fingerprint: () => string
  readonly toJson: () => TokenizerJson
}

const roles: Readonly<Record<keyof SpecialIds, readonly string[]>> = {
  cls: ['[CLS]', '<s>', '<cls>'],
  pad: ['[PAD]', '<pad>'],
  sep: ['[SEP]', '</s>', '<sep>'],
  unk: ['[UNK]', '<unk>'],
  mask: ['[MASK]', '<mask>'],
}

const cachedWords = 1 << 20

/**
 * The working form of a vocabulary. Encoding remembers words it has met (up to 2^20), so it is a look-up per word.
 * throws  if a merge names ids that are not tokens, or makes none: `fromJson` has checked that, and training cannot.
 */
export const tokenizer = (spec: TokenizerSpec): Tokenizer => {
  const { tokens, normalizers, useRegex = true, ignoreMerges = false, addPrefixSpace = false } = spec
  const vocabSize = Math.max(tokens.length, ...spec.added.map(({ id }) => id + 1))
  const idOf = new Map<string, number>()
  tokens.forEach((token, id) => token !== undefined && idOf.set(token, id))
  const added = new Map(spec.added.map((token) => [token.id, token]))
  const addedIdOf = new Map(spec.added.map(({ id, content }) => [content, id]))
  const table = mergeTable(spec, idOf)
  const unk = spec.unk === undefined ? undefined : idOf.get(spec.unk)
  const byteIds = Int32Array.from({ length: 256 }, (_, byte) => idOf.get(byteToChar[byte]!) ?? unk ?? -1)
  const bytesById = tokens.map((token) => (token === undefined ? undefined : (bytesOfToken(token) ?? utf8(token))))
  for (const { id, content } of spec.added) bytesById[id] = utf8(content)
  const specials = Object.fromEntries(
    Object.entries(roles).flatMap(([role, names]) => {
      const id = firstKnown(addedIdOf, names) ?? firstKnown(idOf, names)
      return id === undefined ? [] : [[role, id]]
    }),
  ) as Partial<SpecialIds>

  const cache = new Map<string, Int32Array>()
  const encodeWord = (word: string): Int32Array => {
    const known = cache.get(word)
    if (known !== undefined) return known
    const bytes = utf8(word)
    const whole = ignoreMerges ? idOf.get(Array.from(bytes, (byte) => byteToChar[byte]).join('')) : undefined
    const symbols = Int32Array.from(bytes, (byte) => byteIds[byte]!)
    const ids =
      whole === undefined ? symbols.slice(0, applyMerges(table, symbols, symbols.length)) : Int32Array.of(whole)
    if (word.length > 64) return ids
    if (cache.size >= cachedWords) cache.clear()
    cache.set(detached(word), ids)
    return ids
  }

  const encode: Tokenizer['encode'] = (text, { specials: reading = 'text' } = {}) => {
    let out = new Int32Array(Math.max(16, text.length >> 1))
    let length = 0
    const append = (ids: Int32Array): void => {
      out = roomFor(out, length + ids.length)
      for (let i = 0; i < ids.length; i += 1) out[length++] = ids[i]!
    }
    const active = spec.added.filter(({ special }) => !special || reading === 'parse')
    for (const part of splitAdded(active, normalizers, text)) {
      if (typeof part === 'number') append(Int32Array.of(part))
      else if (part !== '') {
        const section = addPrefixSpace && !part.startsWith(' ') ? ' ' + part : part
        for (let from = 0; from < section.length;) {
          const to = useRegex ? nextWord(section, from) : section.length
          append(encodeWord(section.slice(from, to)))
          from = to
        }
      }
    }
    return out.slice(0, length)
  }

  const decode: Tokenizer['decode'] = (ids, { specials: shown = 'skip' } = {}) => {
    const pieces: Uint8Array[] = []
    for (let i = 0; i < ids.length; i += 1) {
      const id = ids[i]!
      if (shown === 'skip' && added.get(id)?.special === true) continue
      const bytes = bytesById[id]
      if (bytes === undefined) throw new RangeError(`decode: expected ids of tokens below ${vocabSize}, got ${id}`)
      pieces.push(bytes)
    }
    return Buffer.concat(pieces).toString('utf8')
  }

  return {
    spec,
    vocabSize,
    specials,
    isSpecial: (id) => added.get(id)?.special === true,
    encode,
    decode,
    idOf: (token) => addedIdOf.get(token) ?? idOf.get(token),
    tokenOf: (id) => added.get(id)?.content ?? tokens[id],
    tokenText: (id) => decode([id], { specials: 'keep' }),
    fingerprint: () =>
      createHash('sha256')
        .update(JSON.stringify(toJson(spec)))
        .digest('hex'),
    toJson: () => toJson(spec),
  }
}

/** The five special ids pretraining needs, or a Left naming the ones a foreign vocabulary lacks. */
export const requireSpecials = ({ specials }: Tokenizer): E.Either<DataFault, SpecialIds> => {
  const { cls, pad, sep, unk, mask } = specials
  if (cls !== undefined && pad !== undefined && sep !== undefined && unk !== undefined && mask !== undefined)
    return E.right({ cls, pad, sep, unk, mask })
  const missing = Object.entries(roles).filter(([role]) => specials[role as keyof SpecialIds] === undefined)
  const got = missing.map(([, names]) => `no ${names.join(' or ')}`).join(', ')
  return E.left(dataFault('tokenizer', 'added_tokens', 'tokens for [CLS], [PAD], [SEP], [UNK] and [MASK]', got))
}

const firstKnown = (ids: ReadonlyMap<string, number>, names: readonly string[]): number | undefined =>
  names.map((name) => ids.get(name)).find((id) => id !== undefined)

const utf8 = (text: string): Uint8Array => Buffer.from(text, 'utf8')

const mergeTable = ({ tokens, merges }: TokenizerSpec, idOf: ReadonlyMap<string, number>): MergeTable => {
  const ranks = new PairTable(merges.length)
  const results = new Int32Array(merges.length)
  merges.forEach(([a, b], rank) => {
    const id = idOf.get(`${tokens[a]}${tokens[b]}`)
    if (id === undefined) throw new Error(`internal: merge ${rank} of ids ${a} and ${b} makes no token`)
    ranks.set(a, b, rank)
    results[rank] = id
  })
  return { ranks, results }
}
