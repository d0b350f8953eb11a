import type { Command } from 'commander'
import * as E from 'fp-ts/Either'
import { ablate, readAblation, showSpread, tableOf, type AblationPlan } from '../ablate'
import type { Fault } from '../fault'
import { loadObjective } from '../pretrain/objective-file'
import { deviceOption, type Flags } from './options'
import { note, print, printJson, type Outcome } from './outcome'
import { progressBar } from './progress'
import { importSelf } from './self'
import { stopSignal } from './stop-signal'

export const ablateCommand = (program: Command, run: (outcome: Promise<Outcome>) => void): void => {
  deviceOption(program.command('ablate'))
    .description(
      'variants of a pretraining run at equal tokens, under several seeds: a table and a plot with error bars',
    )
    .argument('<file>', 'JSON: variants by name, base, seeds, out, probe (docs/ablations.md)')
    .option('--out <dir>', 'folder of the runs and of what they come to (default runs/ablation)')
    .option('--corpus <file...>', 'as in pretrain')
    .option('--json', 'one JSON line a run, then one with the summary')
    .addHelpText('after', '\nWhat is there is not run again: the same command goes on where it was ended.')
    .action((file: string, flags: Flags) => run(runAblate(file, flags)))
}

const runAblate = async (file: string, { json, out, ...flags }: Flags): Promise<Outcome> => {
  const plan = await readAblation(file, flags, typeof out === 'string' ? out : undefined)()
  if (E.isLeft(plan)) return plan
  const unusable = await objectiveFaults(plan.right)
  if (unusable.length > 0) return E.left(unusable)
  const isJson = json === true
  const stop = stopSignal()
  const progress = progressBar(!isJson)
  const done = await ablate(plan.right, {
    shouldStop: stop.isAsked,
    notice: note,
    run: (variant, seed, state) => note(`${variant}, seed ${seed}: ${state}`),
    opened: (run, from) => progress.start(run.config.steps, from),
    stepped: (record) => progress.step(record),
    finished: (variant, seed, figures) => {
      progress.stop()
      if (isJson) printJson({ variant, seed, figures })
      else note(`${variant}, seed ${seed}: ${showFigures(figures)}`)
    },
  })()
  progress.stop()
  stop.dispose()
  if (E.isLeft(done)) return E.left([done.left])
  const { summary, files, isDone } = done.right
  if (isJson) printJson({ done: isDone, summary, files })
  else if (summary.length > 0) {
    print(tableOf(summary))
    const [first, ...others] = summary
    for (const { variant, differences } of others)
      print(
        `${variant} less ${first!.variant}: ${Object.entries(differences)
          .map(([figure, spread]) => `${figure} ${showSpread(spread)}`)
          .join(', ')}`,
      )
    for (const path of files) print(path)
  }
  return E.right(isDone ? 0 : 130)
}

/** What is wrong with the variants' objectives, before any of them is trained. */
const objectiveFaults = async ({ variants }: AblationPlan): Promise<readonly Fault[]> => {
  const names = new Set(variants.flatMap(({ configs }) => [...configs.values()].map((c) => c.objective)))
  if ([...names].some((name) => name.includes('#'))) importSelf()
  const faults: Fault[] = []
  for (const name of names) {
    const objective = await loadObjective(name)()
    if (E.isLeft(objective)) faults.push(objective.left)
  }
  return faults
}

const showFigures = (figures: { readonly [figure: string]: number }): string =>
  Object.entries(figures)
    .map(([name, x]) => `${name} ${x.toPrecision(4)}`)
    .join(', ')
