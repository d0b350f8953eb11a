import type { Command } from 'commander'
import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import type { Fault } from '../fault'
import {
  answers,
  decideFinetune,
  finetune,
  finetuneGrid,
  grids,
  readGrid,
  showScores,
  type FinetuneConfig,
  type FinetuneResult,
  type Grid,
  type TuneListener,
} from '../finetune'
import { rematNames } from '../../models'
import { tasks } from '../tasks'
import { configFaults, configFile, type Flags } from './config-file'
import { deviceOption, lossScaleHelp, numeric, precisionHelp } from './options'
import { note, print, printJson, type Outcome } from './outcome'
import { progressBar } from './progress'
import { stopSignal } from './stop-signal'

/** `a,b` */
export const names = (text: string): readonly string[] => text.split(',').map((name) => name.trim())

export const taskHelp = `${Object.keys(tasks).join(' ')}, or FILE.json: a task of one's own`

export const finetuneCommand = (program: Command, run: (outcome: Promise<Outcome>) => void): void => {
  deviceOption(program.command('finetune'))
    .description('tune a pretrained main model to tasks: one, or several at once')
    .option('--task <t,...>', `one or more of ${taskHelp}`, names)
    .option('--data <dir>', 'folder of the tasks, as GLUE and SuperGLUE lay it out')
    .option('--train <file>', 'training rows of the task, in place of those in --data')
    .option('--from <dir>', 'a pretrained run, or a tuned one: its encoder, and heads of the same tasks')
    .option('--untrained', 'the sizes of --from alone, with weights drawn anew: what pretraining is worth')
    .option('--epochs <n>', 'passes over the training rows (default 5)', numeric)
    .option('--lr <x>', 'peak learning rate (default 2e-5)', numeric)
    .option('--batch <b>', 'examples of a step (default 32)', numeric)
    .option('--micro-batch <b>', 'of these, computed at once: a divisor of the batch (default all)', numeric)
    .option('--remat <name>', `${rematNames.join(' | ')}: what is computed again instead of being kept (default none)`)
    .option('--warmup <share>', 'share of the steps in which the rate rises (default 0.0625)', numeric)
    .option('--weight-decay <x>', '(default 0.01)', numeric)
    .option('--clip <norm>', 'greatest gradient norm; 0: no clipping (default 0)', numeric)
    .option('--layer-decay <x>', 'of learning rates, from layer to layer downwards (default 1)', numeric)
    .option('--dropout <p>', 'of embeddings and residuals (default 0.1)', numeric)
    .option('--attention-dropout <p>', '(default 0.1)', numeric)
    .option('--head-dropout <p>', '(default 0.1)', numeric)
    .option('--seq <t>', "most tokens of a row (default the model's)", numeric)
    .option(
      '--separators <n>',
      "[SEP]s between the texts of a pair: 2, COCO-LM's form, or 1, BERT's (default 2)",
      numeric,
    )
    .option('--answer <name>', `${answers.join(' | ')}: the head of pairs of texts (default pooled)`)
    .option('--candidates <n>', 'readings of a ranking that a step holds against each other (default 4)', numeric)
    .option('--mixing <name>', 'proportional | square-root | ratio=K: how tasks are mixed (default proportional)')
    .option('--pdr <settings>', 'a robust loss, as in divergence=hellinger,alpha=1,eps=1e-3 (docs/robust.md)')
    .option('--rows <n>', 'training rows that are used, at most (default all)', numeric)
    .option('--seed <k>', 'of the first run (default 1)', numeric)
    .option('--seeds <k>', 'runs, with seeds counted up (default 1)', numeric)
    .option('--evals-per-epoch <n>', 'evaluations on dev rows in an epoch (default 2)', numeric)
    .option('--precision <name>', precisionHelp)
    .option('--loss-scale <name>', lossScaleHelp)
    .option('--out <dir>', 'folder of the runs (default runs/finetune)')
    .option('--grid <file>', `lists of values by setting, as JSON, or ${Object.keys(grids).join(' | ')}`)
    .option('--config <file>', 'settings as JSON, by the names of the options; options win')
    .option('--resume', 'go on where the runs in --out were ended; what is done is taken as it is')
    .option('--json', 'one JSON line an evaluation, then one with "done"')
    .addHelpText('after', '\nSIGINT ends the run after the current step; --resume goes on.')
    .action((flags: Flags) => run(runFinetune(flags)))
}

const notSettings = new Set(['config', 'json', 'resume', 'grid'])

const settingsOf = (flags: Flags): Flags =>
  Object.fromEntries(Object.entries(flags).filter(([key]) => !notSettings.has(key)))

/** Settings of --config and of options, which win. */
export const finetuneConfigOf =
  (flags: Flags): TE.TaskEither<readonly Fault[], FinetuneConfig> =>
  async () => {
    const file = await configFile(flags['config'])()
    if (E.isLeft(file)) return E.left([file.left])
    const decided = decideFinetune(file.right, settingsOf(flags))
    return E.isRight(decided) ? decided : E.left(configFaults(flags, decided.left))
  }

const runFinetune = async (flags: Flags): Promise<Outcome> => {
  const config = await finetuneConfigOf(flags)()
  if (E.isLeft(config)) return config
  const isJson = flags['json'] === true
  const grid = typeof flags['grid'] === 'string' ? await readGrid(flags['grid'])() : E.right(undefined)
  if (E.isLeft(grid)) return E.left([grid.left])
  const stop = stopSignal()
  const watching = watch(isJson)
  const listener = { ...watching.listener, shouldStop: stop.isAsked }
  try {
    return grid.right === undefined
      ? await runOnce(config.right, flags, listener, isJson)
      : await runGrid(config.right, grid.right, flags, listener, isJson)
  } finally {
    watching.stop()
    stop.dispose()
  }
}

const runOnce = async (
  config: FinetuneConfig,
  flags: Flags,
  listener: TuneListener,
  isJson: boolean,
): Promise<Outcome> => {
  const result = await finetune(config, flags['resume'] === true, listener)()
  if (E.isLeft(result)) return E.left([result.left])
  conclude(config, result.right, isJson)
  return E.right(result.right.isDone ? 0 : 130)
}

const runGrid = async (
  base: FinetuneConfig,
  grid: Grid,
  flags: Flags,
  listener: TuneListener,
  isJson: boolean,
): Promise<Outcome> => {
  const file = await configFile(flags['config'])()
  if (E.isLeft(file)) return E.left([file.left])
  const result = await finetuneGrid(
    base,
    grid,
    (point, out) => {
      const decided = decideFinetune(file.right, { ...settingsOf(flags), ...point, out })
      return E.isRight(decided) ? decided : E.left(configFaults(flags, decided.left))
    },
    flags['resume'] === true,
    { ...listener, point: (name, number, of) => note(`${number}/${of}: ${name}`) },
  )()
  if (E.isLeft(result)) return result
  const { isDone, runs } = result.right
  if (isJson) printJson({ done: isDone, runs })
  else for (const { point, score, out } of runs) print(`${score.toFixed(4)}  ${Object.entries(point).map(([k, v]) => `${k} ${v}`).join(', ')}  ${out}`) // prettier-ignore
  return E.right(isDone ? 0 : 130)
}

/** What happens, for people or for machines. */
export const watch = (isJson: boolean): { readonly listener: TuneListener; readonly stop: () => void } => {
  const progress = progressBar(!isJson)
  return {
    stop: progress.stop,
    listener: {
      notice: note,
      opened: ({ model, train, dev, device, seq }, baselines) => {
        for (const { told } of [...train, ...dev]) told.forEach(note)
        if (isJson) return
        for (const [i, { task }] of model.tasks.entries()) {
          const { majority, bagOfWords } = baselines[task.name]!
          const cut = [...train[i]!.encoded, ...dev[i]!.encoded].filter(({ readings }) =>
            readings.some((r) => r.cut > 0),
          )
          note(
            `${task.title}: ${train[i]!.encoded.length} training rows, ${dev[i]!.encoded.length} dev rows` +
              (cut.length === 0 ? '' : `, ${cut.length} of them cut to ${seq} tokens`),
          )
          note(`  majority      ${showScores(majority)}`)
          note(`  bag of words  ${showScores(bagOfWords)}`)
        }
        note(`on ${device.backend.name} (${device.backend.detail})`)
      },
      seed: (seed, steps, from) => {
        if (!isJson) note(`seed ${seed}: ${steps} steps`)
        progress.start(steps, from)
      },
      stepped: progress.step,
      evaluated: (record, seed) => {
        if (isJson) printJson({ seed, ...record })
        else
          note(
            `epoch ${record.epoch.toFixed(2)}: ${Object.entries(record.metrics)
              .map(([task, scores]) => `${task} ${showScores(scores)}`)
              .join('; ')}`,
          )
      },
      finished: ({ seed, best, seconds }) => {
        progress.stop()
        if (!isJson) note(`seed ${seed}: best at epoch ${best.epoch.toFixed(2)}, ${seconds.toFixed(0)} s of training`)
      },
    },
  }
}

const conclude = ({ out }: FinetuneConfig, { isDone, ...result }: FinetuneResult, isJson: boolean): void => {
  if (isJson) return printJson({ done: isDone, ...result })
  for (const [task, figures] of Object.entries(result.summary))
    for (const [name, { median, least, most }] of Object.entries(figures)) {
      const spread =
        result.seeds.length === 1
          ? ''
          : `  (${least.toFixed(4)} to ${most.toFixed(4)} over ${result.seeds.length} seeds)`
      print(`${task.padEnd(14)} ${name.padEnd(10)} ${median.toFixed(4)}${spread}`)
    }
  print(
    isDone
      ? `checkpoint ${result.seeds.find(({ seed }) => seed === result.bestSeed)!.checkpoint}`
      : `stopped; emend finetune --resume goes on in ${out}`,
  )
}
