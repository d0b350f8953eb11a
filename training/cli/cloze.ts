import type { Command } from 'commander'
import * as E from 'fp-ts/Either'
import { gapped, gapText, openCloze, type Candidate, type Choice, type ClozeModel, type Gapped } from '../cloze'
import { trainedMain, type SavedPair } from '../correct/open'
import { badInput, ofRun, type Fault } from '../fault'
import { deviceFaults, loadPair, openNamedPair, readByHelp, wholeFaults } from './load-pair'
import { deviceOption, numeric, type Flags } from './options'
import { print, printJson, type Outcome } from './outcome'
import { textFaults, textsOf } from './texts'

export const clozeCommand = (program: Command, run: (outcome: Promise<Outcome>) => void): void => {
  deviceOption(program.command('cloze'))
    .description(`the likeliest tokens for each ${gapText} of a text, or the likeliest of some words`)
    .argument('[text]', `a text with ${gapText} in it; without it and without --file, standard input`)
    .requiredOption('--from <dir>', 'folder of a pretraining run, or a checkpoint in it')
    .option('--objective <FILE.mjs#NAME>', readByHelp)
    .option('--file <f>', 'a file, one text a line')
    .option('--top <n>', 'candidates that are told (default 5)', numeric)
    .option('--choices <words>', `words parted by commas, of which one stands at the ${gapText}`)
    .option('--model <name>', "main | aux: whose word it is; main is shown the auxiliary's likeliest (default main)")
    .option('--fills <n>', "of the auxiliary's likeliest, how many main is shown (default 8)", numeric)
    .option('--json', 'one JSON line a text')
    .action((text: string | undefined, flags: Flags) => run(runCloze(text, flags)))
}

/** Rows that are computed at once. */
const batch = 8

const runCloze = async (text: string | undefined, flags: Flags): Promise<Outcome> => {
  const faults = argumentFaults(text, flags)
  if (faults.length > 0) return E.left(faults)
  const texts = await textsOf('cloze', text, flags['file'])()
  if (E.isLeft(texts)) return E.left([texts.left])
  const pair = await openNamedPair(flags)()
  if (E.isLeft(pair)) return E.left([pair.left])
  const model = (flags['model'] ?? 'main') as ClozeModel
  const isTrained = model === 'main' ? trainedMain(pair.right, 'language') : E.right(undefined)
  if (E.isLeft(isTrained)) return E.left([isTrained.left])
  const alone = aloneFaults(pair.right, model, flags)
  if (alone.length > 0) return E.left(alone)
  const words = wordsOf(flags)
  const read = texts.right.map((t) => readText(pair.right, t, words))
  const unread = read.flatMap((r) => (E.isLeft(r) ? [r.left] : []))
  if (unread.length > 0) return E.left(unread)
  const loaded = await loadPair(pair.right, flags)()
  if (E.isLeft(loaded)) return E.left([loaded.left])
  const { device, params } = loaded.right
  try {
    const { config, tokenizer, checkpoint, traits } = pair.right
    const fills = flags['fills'] === undefined ? {} : { fills: Number(flags['fills']) }
    const cloze = await openCloze({ device, config, tokenizer, traits, batch, model, ...fills })()
    if (E.isLeft(cloze)) return E.left([ofRun(cloze.left, 'compile')])
    const about = { model, step: checkpoint.header.step, backend: device.backend.name }
    for (const [i, one] of read.entries()) {
      const line = texts.right[i]!
      const asked = (one as E.Right<Gapped>).right
      if (words === undefined) {
        const masks = await cloze.right.fill(params, asked, Number(flags['top'] ?? 5))()
        if (E.isLeft(masks)) return E.left([ofRun(masks.left, 'cloze')])
        if (flags['json'] === true) printJson({ text: line, masks: masks.right, ...about })
        else showMasks(line, masks.right)
      } else {
        const choices = await cloze.right.choose(params, asked, words)()
        if (E.isLeft(choices)) return E.left([ofRun(choices.left, 'cloze')])
        if (flags['json'] === true) printJson({ text: line, choices: choices.right, ...about })
        else showChoices(line, choices.right)
      }
    }
    cloze.right.dispose()
    return E.right(0)
  } finally {
    await device.close()
  }
}

const wordsOf = ({ choices }: Flags): readonly string[] | undefined =>
  typeof choices === 'string' ? [...new Set(choices.split(',').map((w) => w.trim()))] : undefined

/** A text with its gaps; with words for it exactly one, and room for the longest of them. */
const readText = (
  { tokenizer, config }: SavedPair,
  text: string,
  words: readonly string[] | undefined,
): E.Either<Fault, Gapped> => {
  const read = gapped.read(tokenizer, config.maxLength, text)
  if (E.isLeft(read) || words === undefined) return read
  const { gaps, ids, idsOf } = read.right
  if (gaps.length !== 1)
    return E.left(badInput('--choices', '', `one ${gapText} in the text`, `${gaps.length} in "${text}"`))
  const longest = Math.max(...words.map((w) => idsOf(w).length))
  return ids.length - 1 + longest > config.maxLength
    ? E.left(
        badInput(
          'cloze',
          '',
          `a text of at most ${config.maxLength} tokens`,
          `${ids.length - 1 + longest} with its longest choice`,
        ),
      )
    : read
}

/** What cannot be asked of a main model that was trained without an auxiliary. */
const aloneFaults = ({ traits, checkpoint }: SavedPair, model: ClozeModel, { fills }: Flags): readonly Fault[] => {
  if (traits.reading.isAlone !== true) return []
  const { path, header } = checkpoint
  const got = `one of ${String(header.config['objective'])}`
  return [
    ...(model === 'aux' ? [badInput('--model', path, 'main, of a run that trained no auxiliary', 'aux')] : []),
    ...(model === 'main' && fills !== undefined
      ? [badInput('--fills', path, 'a run that trained an auxiliary', got)]
      : []),
  ]
}

const argumentFaults = (text: string | undefined, flags: Flags): readonly Fault[] => [
  ...textFaults('cloze', text, flags),
  ...wholeFaults('--top', flags['top'], 1),
  ...wholeFaults('--fills', flags['fills'], 1),
  ...(flags['model'] === undefined || flags['model'] === 'main' || flags['model'] === 'aux'
    ? []
    : [badInput('--model', '', 'main | aux', JSON.stringify(flags['model']))]),
  ...(flags['model'] === 'aux' && flags['fills'] !== undefined
    ? [badInput('--fills', '', '--model main, which is shown them', '--model aux')]
    : []),
  ...(wordsOf(flags)?.every((w) => w !== '') === false
    ? [badInput('--choices', '', 'words parted by commas', JSON.stringify(flags['choices']))]
    : []),
  ...deviceFaults(flags),
]

const showMasks = (text: string, masks: readonly (readonly Candidate[])[]): void => {
  print(text)
  masks.forEach((candidates, i) => {
    if (masks.length > 1) print(`  ${gapText} ${i + 1}`)
    for (const c of candidates) print(`  ${c.probability.toFixed(3)} ${JSON.stringify(c.text)}`)
  })
  print('')
}

const showChoices = (text: string, choices: readonly Choice[]): void => {
  print(text)
  for (const c of choices) print(`  ${c.probability.toFixed(3)} ${c.text}`)
  print('')
}
