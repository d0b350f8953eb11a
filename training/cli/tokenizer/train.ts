import type { Command } from 'commander'
import * as E from 'fp-ts/Either'
import { atomicWrite } from '../../checkpoint/atomic-write'
import { trainOnFiles, type TrainListener } from '../../data/tokenizer/train/train-on-files'
import { badInput, type Fault } from '../../fault'
import { numeric, type Flags } from '../options'
import { note, print, printJson, type Outcome } from '../outcome'
import { countBar } from '../progress'
import { checkFile, corpusHelp, preparation, prepareOption } from './settings'

export const trainCommand = (tokenizer: Command, run: (outcome: Promise<Outcome>) => void): void => {
  prepareOption(tokenizer.command('train'))
    .description('train a byte-level BPE vocabulary on text and write it as tokenizer.json of Hugging Face')
    .requiredOption('--corpus <file...>', corpusHelp)
    .requiredOption('--vocab <v>', 'entries of the vocabulary: 5 specials, 256 bytes, and merges', numeric)
    .option('--out <file>', 'the file to write', 'tokenizer.json')
    .option('--min-frequency <n>', 'pairs that occur less often are not merged (default 2)', numeric)
    .option('--lowercase', 'an uncased vocabulary')
    .option('--force', 'replace a file that is there')
    .option('--json', 'one JSON object')
    .action((flags: Flags) => run(runTrain(flags)))
}

const runTrain = async (flags: Flags): Promise<Outcome> => {
  const isJson = flags['json'] === true
  const [vocab, out, files] = [Number(flags['vocab']), String(flags['out']), flags['corpus'] as readonly string[]]
  const prepare = preparation(flags['prepare'])
  const faults: readonly Fault[] = [
    ...(Number.isInteger(vocab) && vocab > 0 ? [] : [badInput('--vocab', '', 'a whole number > 0', JSON.stringify(flags['vocab']))]), // prettier-ignore
    ...minFrequencyFaults(flags['minFrequency']),
    ...(E.isLeft(prepare) ? [prepare.left] : []),
  ]
  if (faults.length > 0 || E.isLeft(prepare)) return E.left(faults)
  const writable = await checkFile(out, flags['force'] === true)()
  if (E.isLeft(writable)) return E.left([writable.left])
  const merging = mergeBar(!isJson, vocab)
  const trained = await trainOnFiles(
    files,
    {
      vocabSize: vocab,
      prepare: prepare.right,
      ...(flags['minFrequency'] === undefined ? {} : { minFrequency: Number(flags['minFrequency']) }),
      ...(flags['lowercase'] === true ? { normalizers: ['Lowercase'] } : {}),
      onMerge: merging.at,
    },
    isJson ? {} : fileNotes(),
  )()
  merging.stop()
  if (E.isLeft(trained)) return E.left([trained.left])
  const { tokenizer, ...read } = trained.right
  const written = await atomicWrite(out, [Buffer.from(JSON.stringify(tokenizer.toJson()))])()
  if (E.isLeft(written)) return E.left([written.left])
  const fingerprint = tokenizer.fingerprint()
  if (isJson) printJson({ out, vocab: tokenizer.vocabSize, fingerprint, ...read })
  else {
    print(`${tokenizer.vocabSize} entries from ${read.documents} documents, ${read.words} distinct words`)
    print(`tokenizer  ${out}  (${fingerprint.slice(0, 12)})`)
  }
  return E.right(0)
}

const minFrequencyFaults = (given: unknown): readonly Fault[] =>
  given === undefined || (Number.isInteger(given) && Number(given) > 0)
    ? []
    : [badInput('--min-frequency', '', 'a whole number > 0', JSON.stringify(given))]

/** A line for each file that has been begun. */
const fileNotes = (): TrainListener => {
  let file = ''
  return {
    read: ({ source, words }) => {
      const now = source.replace(/:\d+$| \(part \d+\)$/u, '')
      if (now !== file) note(`${file === '' ? '' : `${words} distinct words so far; `}reading ${now}`)
      file = now
    },
  }
}

/** The bar of merging, which begins when the reading is over. */
const mergeBar = (isWanted: boolean, vocab: number) => {
  let bar: ReturnType<typeof countBar> | undefined
  return {
    at: (entries: number): void => (bar ??= countBar(isWanted, 'entries', vocab)).at(entries),
    stop: (): void => bar?.stop(),
  }
}
