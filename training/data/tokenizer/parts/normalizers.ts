import * as E from 'fp-ts/Either'
import type { Normalizer, OneNormalizer } from '../components'
import { combiningMark, nonSpacingMark, notNormalized, unseen } from './char-tables'
import { charsmap, type Charsmap } from './charsmap'
import { regexOf } from './regex'

export type Normalize = (text: string) => string

/**
 * What a normalizer of a tokenizer.json does to a text.
 * source  Hugging Face tokenizers, `normalizers/`
 * left    what of an expression or a character map cannot be read
 */
export const normalizerOf = (normalizer: Normalizer | null): E.Either<string, Normalize> => {
  if (normalizer === null) return E.right((text) => text)
  if (normalizer.type !== 'Sequence') return oneOf(normalizer)
  const steps: Normalize[] = []
  for (const each of normalizer.normalizers) {
    const step = normalizerOf(each)
    if (E.isLeft(step)) return step
    steps.push(step.right)
  }
  return E.right((text) => steps.reduce((s, step) => step(s), text))
}

const oneOf = (normalizer: OneNormalizer): E.Either<string, Normalize> => {
  switch (normalizer.type) {
    case 'NFC':
    case 'NFD':
    case 'NFKC':
    case 'NFKD':
      return E.right(normalForm(normalizer.type))
    case 'Lowercase':
      return E.right(lowerCase)
    case 'StripAccents':
      return E.right((text) => text.replace(combiningMark, ''))
    case 'Strip': {
      const { strip_left: left, strip_right: right } = normalizer
      const edge = new RegExp([left ? '^\\p{White_Space}+' : '', right ? '\\p{White_Space}+$' : ''].filter((s) => s !== '').join('|') || '(?!)', 'gu') // prettier-ignore
      return E.right((text) => text.replace(edge, ''))
    }
    case 'Prepend':
      return E.right((text) => (text === '' ? text : `${normalizer.prepend}${text}`))
    case 'Replace': {
      const regex = regexOf(normalizer.pattern)
      return E.isLeft(regex) ? regex : E.right((text) => text.replace(regex.right, () => normalizer.content))
    }
    case 'BertNormalizer':
      return E.right(bertNormalizer(normalizer))
    case 'Precompiled': {
      const map = charsmap(Buffer.from(normalizer.precompiled_charsmap, 'base64'))
      return E.isLeft(map) ? map : E.right(precompiled(map.right))
    }
  }
}

/** Character by character, as in the Rust library: a final sigma stays σ, unlike `toLowerCase`. */
const lowerCase = (text: string): string =>
  text.includes('\u03a3') ? Array.from(text, (char) => char.toLowerCase()).join('') : text.toLowerCase()

const normalForm = (form: 'NFC' | 'NFD' | 'NFKC' | 'NFKD'): Normalize => {
  const kept = notNormalized[form]
  return (text) =>
    kept?.test(text) === true
      ? text
          .split(kept)
          .map((part, i) => (i % 2 === 1 ? part : part.normalize(form)))
          .join('')
      : text.normalize(form)
}
const decomposed = normalForm('NFD')

/** The blocks of ideographs that BERT parts by spaces (`tokenization.py`, `_is_chinese_char`; as in the Rust library, from U+2B920 on). */
const ideograph = /[\u4e00-\u9fff\u3400-\u4dbf\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b920}-\u{2ceaf}\uf900-\ufaff\u{2f800}-\u{2fa1f}]/gu // prettier-ignore

const bertNormalizer = (config: Extract<OneNormalizer, { type: 'BertNormalizer' }>): Normalize => {
  const stripsAccents = config.strip_accents ?? config.lowercase
  return (text) => {
    let s = text
    if (config.clean_text) s = s.replace(unseen, '').replace(/\p{White_Space}/gu, ' ')
    if (config.handle_chinese_chars) s = s.replace(ideograph, ' $& ')
    if (stripsAccents) s = decomposed(s).replace(nonSpacingMark, '')
    return config.lowercase ? lowerCase(s) : s
  }
}

const graphemes = new Intl.Segmenter('und', { granularity: 'grapheme' })
const isAscii = (text: string): boolean => !/[^\x20-\x7e]/u.test(text)

/**
 * A character map of SentencePiece as Hugging Face applies it: to graphemes of fewer than 6 bytes that it knows (or that begin
 * with one it knows), else to each character.
 * source  Hugging Face tokenizers, `normalizers/precompiled.rs`
 */
const precompiled = ({ prefixes }: Charsmap): Normalize => {
  const known = new Map<string, string | undefined>()
  const replacement = (part: string): string | undefined => {
    if (known.has(part)) return known.get(part)
    const found = prefixes(Buffer.from(part, 'utf8'), 0)[0]?.text
    if (known.size < 1 << 16) known.set(part, found)
    return found
  }
  const ascii = Array.from({ length: 128 }, (_, code) => String.fromCharCode(code))
  const keepsAscii = ascii.slice(32, 127).every((char) => (replacement(char) ?? char) === char)
  return (text) => {
    if (keepsAscii && isAscii(text)) return text
    let out = ''
    for (const { segment } of graphemes.segment(text)) {
      const whole = Buffer.byteLength(segment) < 6 ? replacement(segment) : undefined
      if (whole !== undefined) out += whole
      else for (const char of segment) out += replacement(char) ?? char
    }
    return out
  }
}
