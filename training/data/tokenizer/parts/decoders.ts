import * as E from 'fp-ts/Either'
import type { Decoder, OneDecoder } from '../components'
import { byteOfToken } from '../model/byte-tokens'
import { bytesOfToken } from './byte-alphabet'
import { prependScheme } from './pre-tokenizers'
import { regexOf } from './regex'

export type Decode = (tokens: readonly string[]) => readonly string[]

/**
 * How tokens become text, the parts of which are then joined; without a decoder they are parted by spaces.
 * source  Hugging Face tokenizers, `decoders/`
 * left    what of an expression cannot be read
 */
export const decoderOf = (decoder: Decoder | null): E.Either<string, Decode> => {
  if (decoder === null) return E.right((tokens) => [tokens.join(' ')])
  if (decoder.type !== 'Sequence') return oneOf(decoder)
  const steps: Decode[] = []
  for (const each of decoder.decoders) {
    const step = decoderOf(each)
    if (E.isLeft(step)) return step
    steps.push(step.right)
  }
  return E.right((tokens) => steps.reduce((parts, step) => step(parts), tokens))
}

const oneOf = (decoder: OneDecoder): E.Either<string, Decode> => {
  switch (decoder.type) {
    case 'ByteLevel':
      return E.right(byteLevel)
    case 'Metaspace': {
      const { replacement } = decoder
      const dropsFirst = prependScheme(decoder) !== 'never'
      return E.right((tokens) => tokens.map((s, i) => s.replaceAll(replacement, i === 0 && dropsFirst ? '' : ' ')))
    }
    case 'WordPiece': {
      const { prefix, cleanup } = decoder
      const joined = (token: string, i: number): string =>
        i === 0 ? token : token.startsWith(prefix) ? token.slice(prefix.length) : ` ${token}`
      return E.right((tokens) => tokens.map((token, i) => (cleanup ? cleaned(joined(token, i)) : joined(token, i))))
    }
    case 'BPEDecoder': {
      const { suffix } = decoder
      return E.right((tokens) => tokens.map((token, i) => token.replaceAll(suffix, i === tokens.length - 1 ? '' : ' ')))
    }
    case 'ByteFallback':
      return E.right(byteFallback)
    case 'Fuse':
      return E.right((tokens) => [tokens.join('')])
    case 'Strip':
      return E.right((tokens) => tokens.map((token) => stripped(token, decoder.content, decoder.start, decoder.stop)))
    case 'Replace': {
      const regex = regexOf(decoder.pattern)
      if (E.isLeft(regex)) return regex
      return E.right((tokens) => tokens.map((token) => token.replace(regex.right, () => decoder.content)))
    }
  }
}

const byteLevel: Decode = (tokens) => [
  Buffer.concat(tokens.map((token) => bytesOfToken(token) ?? Buffer.from(token, 'utf8'))).toString('utf8'),
]

/** Runs of byte tokens are read as UTF-8; each byte of a run that is none becomes U+FFFD. */
const byteFallback: Decode = (tokens) => {
  const out: string[] = []
  let run: number[] = []
  const flush = (): void => {
    if (run.length === 0) return
    try {
      out.push(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(run)))
    } catch (error) {
      if (!(error instanceof TypeError)) throw error
      for (let i = 0; i < run.length; i += 1) out.push('\ufffd')
    }
    run = []
  }
  for (const token of tokens) {
    const byte = byteOfToken(token)
    if (byte !== undefined) run.push(byte)
    else {
      flush()
      out.push(token)
    }
  }
  flush()
  return out
}

const stripped = (token: string, content: string, start: number, stop: number): string => {
  const chars = Array.from(token)
  let [from, to] = [0, chars.length]
  while (from < start && from < to && chars[from] === content) from += 1
  while (chars.length - to < stop && to > from && chars[to - 1] === content) to -= 1
  return chars.slice(from, to).join('')
}

/** source  Hugging Face tokenizers, `decoders/wordpiece.rs`, `cleanup` */
const cleaned = (text: string): string =>
  [
    [' .', '.'],
    [' ?', '?'],
    [' !', '!'],
    [' ,', ','],
    [" ' ", "'"],
    [" n't", "n't"],
    [" 'm", "'m"],
    [' do not', " don't"],
    [" 's", "'s"],
    [" 've", "'ve"],
    [" 're", "'re"],
  ].reduce((s, [from, to]) => s.replaceAll(from!, to!), text)
