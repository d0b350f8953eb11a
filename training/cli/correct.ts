import { readFile } from 'node:fs/promises'
import { text as readStream } from 'node:stream/consumers'
import type { Command } from 'commander'
import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import { describeError } from '../checkpoint/atomic-write'
import { openCorrector, type Correction } from '../correct/corrector'
import { openPair } from '../correct/open'
import { badInput, ofRun, type Fault } from '../fault'
import { deviceNames, matmulChoices, type DeviceName, type MatmulChoice } from '../../kernels'
import { openNamed } from '../pretrain/device'
import { uploadAll } from '../runner'
import { deviceOption, numeric, type Flags } from './options'
import { print, printJson, type Outcome } from './outcome'

export const correctCommand = (program: Command, run: (outcome: Promise<Outcome>) => void): void => {
  deviceOption(program.command('correct'))
    .description('for each token of a text the probability that it was replaced, and the corrected text')
    .argument('[text]', 'the text; without it and without --file, standard input')
    .requiredOption('--from <dir>', 'folder of a pretraining run, or a checkpoint in it')
    .option('--file <f>', 'a file, one text a line')
    .option('--threshold <p>', 'tokens that are likelier replaced than this are corrected (default 0.5)', numeric)
    .option('--json', 'one JSON line a text')
    .action((text: string | undefined, flags: Flags) => run(runCorrect(text, flags)))
}

/** Rows that are computed at once. */
const batch = 4

const runCorrect = async (text: string | undefined, flags: Flags): Promise<Outcome> => {
  const faults = argumentFaults(text, flags)
  if (faults.length > 0) return E.left(faults)
  const texts = await textsOf(text, flags['file'])()
  if (E.isLeft(texts)) return E.left([texts.left])
  const pair = await openPair(String(flags['from']))()
  if (E.isLeft(pair)) return E.left([pair.left])
  const opened = await openNamed((flags['device'] ?? 'auto') as DeviceName | 'auto', {
    threads: Number(flags['threads'] ?? 0),
    matmul: (flags['matmul'] ?? 'auto') as MatmulChoice,
  })()
  if (E.isLeft(opened)) return E.left([opened.left])
  const device = opened.right
  try {
    const { config, tokenizer, checkpoint, avals } = pair.right
    const params = await uploadAll(
      device,
      [...avals].map(([name, aval]) => [name, checkpoint.arrays.get(name)!, aval] as const),
    )()
    if (E.isLeft(params)) return E.left([ofRun(params.left, 'parameters')])
    const corrector = await openCorrector({
      device,
      config,
      tokenizer,
      batch,
      seq: config.maxLength,
      ...(flags['threshold'] === undefined ? {} : { threshold: Number(flags['threshold']) }),
    })()
    if (E.isLeft(corrector)) return E.left([ofRun(corrector.left, 'compile the corrector')])
    const corrections = await corrector.right.correct(params.right, texts.right)()
    if (E.isLeft(corrections)) return E.left([ofRun(corrections.left, 'correct')])
    for (const c of corrections.right) {
      if (flags['json'] === true) printJson({ ...c, step: checkpoint.header.step, backend: device.backend.name })
      else show(c)
    }
    return E.right(0)
  } finally {
    await device.close()
  }
}

const argumentFaults = (
  text: string | undefined,
  { file, threshold, device, threads, matmul }: Flags,
): readonly Fault[] => [
  ...(text !== undefined && file !== undefined ? [badInput('correct', '', 'a text or --file', 'both')] : []),
  ...(threshold === undefined || (typeof threshold === 'number' && threshold >= 0 && threshold <= 1)
    ? []
    : [badInput('--threshold', '', 'a probability', JSON.stringify(threshold))]),
  ...(device === undefined || device === 'auto' || deviceNames.some((name) => name === device)
    ? []
    : [badInput('--device', '', ['auto', ...deviceNames].join(' | '), JSON.stringify(device))]),
  ...(threads === undefined || (Number.isInteger(threads) && Number(threads) >= 0)
    ? []
    : [badInput('--threads', '', 'a whole number, 0 or more', JSON.stringify(threads))]),
  ...(matmul === undefined || matmulChoices.some((name) => name === matmul)
    ? []
    : [badInput('--matmul', '', matmulChoices.join(' | '), JSON.stringify(matmul))]),
]

const textsOf =
  (text: string | undefined, file: unknown): TE.TaskEither<Fault, readonly string[]> =>
  async () => {
    if (text !== undefined) return linesOf('the text', text)
    if (typeof file !== 'string') return linesOf('standard input', await readStream(process.stdin))
    try {
      return linesOf(file, new TextDecoder('utf-8', { fatal: true }).decode(await readFile(file)))
    } catch (error) {
      return E.left(badInput('--file', file, 'a readable text file', describeError(error)))
    }
  }

const linesOf = (where: string, text: string): E.Either<Fault, readonly string[]> => {
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== '')
  return lines.length > 0 ? E.right(lines) : E.left(badInput('correct', where, 'some text', 'none'))
}

const show = ({ text, corrected, tokens }: Correction): void => {
  print(`text       ${text}`)
  print(`corrected  ${corrected}`)
  for (const t of tokens)
    print(
      `  ${t.replaced.toFixed(3)} ${meter(t.replaced)} ${JSON.stringify(t.text)}` +
        (t.isCorrected ? ` -> ${JSON.stringify(t.best)}` : ''),
    )
  print('')
}

const meter = (p: number): string => '█'.repeat(Math.round(p * 10)).padEnd(10, '░')
