import type { Command } from 'commander'
import * as E from 'fp-ts/Either'
import type { PretrainConfig } from '../pretrain/config'
import { pretrain, type RunListener, type RunResult } from '../pretrain/run'
import { writeReport } from '../pretrain/write-report'
import { runsOf } from '../step-cost'
import { configOf, pretrainOptions, type Flags } from './options'
import { note, print, printJson, type Outcome } from './outcome'
import { progressBar } from './progress'
import { importSelf } from './self'
import { stopSignal } from './stop-signal'
import { tensorboard } from './tensorboard'

export const pretrainCommand = (program: Command, run: (outcome: Promise<Outcome>) => void): void => {
  pretrainOptions(program.command('pretrain'))
    .description('pretrain an auxiliary + main pair on text')
    .option('--resume', 'go on from the last checkpoint in --out')
    .option('--json', 'one JSON line a step, then one with "done"')
    .option('--tensorboard', 'write event files for TensorBoard into --out as well')
    .addHelpText('after', '\nSIGINT ends the run after the current step, with a checkpoint.')
    .action((flags: Flags) => run(runPretrain(flags)))
}

const runPretrain = async (flags: Flags): Promise<Outcome> => {
  const config = await configOf(flags)()
  if (E.isLeft(config)) return config
  if (config.right.objective.includes('#')) importSelf()
  const isJson = flags['json'] === true
  const stop = stopSignal()
  const progress = progressBar(!isJson)
  const watching = watch(config.right, isJson, progress)
  const events = flags['tensorboard'] === true ? tensorboard(config.right.out) : {}
  const result = await pretrain(config.right, flags['resume'] === true, {
    ...watching,
    ...both(watching, events),
    shouldStop: stop.isAsked,
  })()
  progress.stop()
  stop.dispose()
  if (E.isLeft(result)) return E.left([result.left])
  const report = await writeReport(result.right)()
  if (E.isLeft(report)) return E.left([report.left])
  conclude(result.right, report.right, isJson)
  return E.right(result.right.isDone ? 0 : 130)
}

/** What happens is told to two listeners. */
const both = (one: RunListener, other: RunListener): Pick<RunListener, 'opened' | 'stepped' | 'evaluated'> => ({
  opened: (...args) => [one, other].forEach((l) => l.opened?.(...args)),
  stepped: (...args) => [one, other].forEach((l) => l.stepped?.(...args)),
  evaluated: (...args) => [one, other].forEach((l) => l.evaluated?.(...args)),
})

const watch = (config: PretrainConfig, isJson: boolean, progress: ReturnType<typeof progressBar>): RunListener => ({
  notice: note,
  opened: ({ device, corpus, trainer }, from) => {
    if (!isJson)
      note(
        `${corpus.train.count} blocks of ${config.seq} tokens from ${corpus.documents.train} documents; ` +
          `${runsOf(trainer.programs).steps} kernels a step on ${device.backend.name} (${device.backend.detail})`,
      )
    progress.start(config.steps, from)
  },
  stepped: (record) => {
    const { metrics, ...rest } = record
    if (isJson) printJson({ ...rest, ...metrics })
    progress.step(record)
  },
})

const conclude = ({ checkpoint, step, isDone, snapshots }: RunResult, report: string, isJson: boolean): void => {
  const last = snapshots.at(-1)
  const heldOut = last?.step === step ? { ...last.evaluation.metrics, detection: last.evaluation.detection } : undefined
  if (isJson) printJson({ done: isDone, step, checkpoint, report, ...(heldOut === undefined ? {} : { heldOut }) })
  else {
    print(`${isDone ? 'done' : 'stopped'} at step ${step}`)
    print(`checkpoint ${checkpoint}`)
    print(`report     ${report}`)
  }
}
