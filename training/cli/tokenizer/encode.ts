import { text as readStream } from 'node:stream/consumers'
import type { Command } from 'commander'
import * as E from 'fp-ts/Either'
import { atomicWriteStream } from '../../checkpoint/atomic-write'
import { encodeFiles, type EncodedSoFar } from '../../data/encode-files'
import { openTokenizer } from '../../data/tokenizer/file/open'
import type { Tokenizer } from '../../data/tokenizer/tokenizer'
import { badInput } from '../../fault'
import type { Flags } from '../options'
import { note, print, printJson, type Outcome } from '../outcome'
import { checkFile, corpusHelp, preparation, prepareOption } from './settings'

export const encodeCommand = (tokenizer: Command, run: (outcome: Promise<Outcome>) => void): void => {
  prepareOption(tokenizer.command('encode'))
    .description('ids of a text, or of a corpus into a file')
    .argument('[text]', 'the text; without it and without --corpus, each line of standard input')
    .requiredOption(
      '--tokenizer <file>',
      'tokenizer.json of Hugging Face, SentencePiece .model, vocab.txt of BERT, or a folder with one',
    )
    .option('--cased', 'vocab.txt: do not lower-case')
    .option('--specials', 'read [MASK] and the like as special tokens, not as text')
    .option('--corpus <file...>', corpusHelp)
    .option('--out <file>', 'of --corpus: a JSON line a document; a name that ends in .bin: int32 ids, little-endian')
    .option('--force', 'replace a file that is there')
    .option('--json', 'one JSON object a text; of --corpus, one in all')
    .action((text: string | undefined, flags: Flags) => run(runEncode(text, flags)))
}

const runEncode = async (text: string | undefined, flags: Flags): Promise<Outcome> => {
  const prepare = preparation(flags['prepare'])
  if (E.isLeft(prepare)) return E.left([prepare.left])
  const corpus = flags['corpus'] as readonly string[] | undefined
  if (corpus !== undefined && text !== undefined)
    return E.left([badInput('tokenizer encode', '', 'a text or --corpus', 'both')])
  if ((corpus === undefined) !== (flags['out'] === undefined))
    return E.left([badInput('tokenizer encode', '', '--corpus and --out together', corpus === undefined ? '--out alone' : '--corpus alone')]) // prettier-ignore
  const out = String(flags['out'])
  if (corpus !== undefined) {
    const writable = await checkFile(out, flags['force'] === true)()
    if (E.isLeft(writable)) return E.left([writable.left])
  }
  const opened = await openTokenizer(String(flags['tokenizer']), { cased: flags['cased'] === true })()
  if (E.isLeft(opened)) return E.left([opened.left])
  const specials = flags['specials'] === true ? 'parse' : 'text'
  const tokenizer: Tokenizer = { ...opened.right, encode: (s) => opened.right.encode(s, { specials }) }
  if (corpus !== undefined) return encodeCorpus(corpus, tokenizer, out, prepare.right, flags['json'] === true)
  const texts = text === undefined ? linesOf(await readStream(process.stdin)) : [text]
  for (const each of texts) {
    const ids = [...tokenizer.encode(prepare.right(each))]
    if (flags['json'] === true) printJson({ text: each, ids, tokens: ids.map((id) => tokenizer.tokenOf(id)) })
    else print(ids.join(' '))
  }
  return E.right(0)
}

/** A line that ends the input is not an empty text after it. */
const linesOf = (input: string): readonly string[] => {
  const lines = input.split(/\r?\n/u)
  return lines.at(-1) === '' ? lines.slice(0, -1) : lines
}

const encodeCorpus = async (
  corpus: readonly string[],
  tokenizer: Tokenizer,
  out: string,
  prepare: (text: string) => string,
  isJson: boolean,
): Promise<Outcome> => {
  let so: EncodedSoFar = { source: '', documents: 0, tokens: 0 }
  const began = performance.now()
  const told = (next: EncodedSoFar): void => {
    if (!isJson && next.documents % 100 === 0) note(`${next.documents} documents, ${next.tokens} tokens`)
    so = next
  }
  const layout = out.endsWith('.bin') ? 'int32' : 'jsonl'
  const written = await atomicWriteStream(out, encodeFiles(corpus, tokenizer, layout, prepare, told))()
  if (E.isLeft(written)) return E.left([written.left])
  const { documents, tokens } = so
  const tokensPerSecond = Math.round((1000 * tokens) / (performance.now() - began))
  if (isJson) printJson({ out, layout, documents, tokens, tokensPerSecond, fingerprint: tokenizer.fingerprint() })
  else print(`${tokens} tokens of ${documents} documents in ${out}, ${tokensPerSecond} a second`)
  return E.right(0)
}
