import type { Command } from 'commander'
import * as E from 'fp-ts/Either'
import { openCorrector, type Correction } from '../correct/corrector'
import { trainedMain } from '../correct/open'
import { ofRun, type Fault } from '../fault'
import { deviceFaults, loadPair, openNamedPair, probabilityFaults, readByHelp } from './load-pair'
import { deviceOption, numeric, type Flags } from './options'
import { note, print, printJson, type Outcome } from './outcome'
import { textFaults, textsOf } from './texts'

export const correctCommand = (program: Command, run: (outcome: Promise<Outcome>) => void): void => {
  deviceOption(program.command('correct'))
    .description('for each token of a text the probability that it was replaced, and the corrected text')
    .argument('[text]', 'the text; without it and without --file, standard input')
    .requiredOption('--from <dir>', 'folder of a pretraining run, or a checkpoint in it')
    .option('--objective <FILE.mjs#NAME>', readByHelp)
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
  const texts = await textsOf('correct', text, flags['file'])()
  if (E.isLeft(texts)) return E.left([texts.left])
  const pair = await openNamedPair(flags)()
  if (E.isLeft(pair)) return E.left([pair.left])
  const isTrained = trainedMain(pair.right)
  if (E.isLeft(isTrained)) return E.left([isTrained.left])
  const loaded = await loadPair(pair.right, flags)()
  if (E.isLeft(loaded)) return E.left([loaded.left])
  const { device, params } = loaded.right
  try {
    const { config, tokenizer, checkpoint, traits } = pair.right
    if (traits.reading?.language === undefined) note('its objective trains no language model: nothing is corrected')
    const corrector = await openCorrector({
      device,
      config,
      tokenizer,
      traits,
      batch,
      seq: config.maxLength,
      ...(flags['threshold'] === undefined ? {} : { threshold: Number(flags['threshold']) }),
    })()
    if (E.isLeft(corrector)) return E.left([ofRun(corrector.left, 'compile the corrector')])
    const corrections = await corrector.right.correct(params, texts.right)()
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

const argumentFaults = (text: string | undefined, flags: Flags): readonly Fault[] => [
  ...textFaults('correct', text, flags),
  ...probabilityFaults('--threshold', flags['threshold']),
  ...deviceFaults(flags),
]

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
