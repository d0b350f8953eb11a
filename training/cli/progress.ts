import { Presets, SingleBar } from 'cli-progress'
import type { StepRecord } from '../loop'
import type { TuneRecord } from '../finetune'

/** What is told of a step. */
type Told = Pick<StepRecord, 'step' | 'loss' | 'metrics'> &
  (Pick<StepRecord, 'tokensPerSecond'> | Pick<TuneRecord, 'examplesPerSecond'>)

/** A bar for people, on standard error; silent where that is not a terminal, or where machines read the output. */
export interface Progress {
  readonly start: (total: number, from: number) => void
  readonly step: (record: Told) => void
  readonly stop: () => void
}

const silent: Progress = { start: () => undefined, step: () => undefined, stop: () => undefined }

export const progressBar = (isWanted: boolean): Progress => {
  if (!isWanted) return silent
  if (!process.stderr.isTTY) return lines()
  const bar = new SingleBar(
    {
      format: '{bar} {value}/{total} steps | {terms} | {speed} | {eta_formatted} left',
      hideCursor: true,
      stream: process.stderr,
      etaBuffer: 30,
    },
    Presets.shades_classic,
  )
  return {
    start: (total, from) => bar.start(total, from, { terms: '', speed: '' }),
    step: (record) => bar.update(record.step, { terms: showTerms(record), speed: speedOf(record) }),
    stop: () => bar.stop(),
  }
}

/** Where there is no terminal: a line every twentieth of the run. */
const lines = (): Progress => {
  let total = 1
  return {
    start: (steps) => {
      total = steps
    },
    step: (record) => {
      const every = Math.max(1, Math.round(total / 20))
      if (record.step === 1 || record.step % every === 0 || record.step === total)
        process.stderr.write(`step ${record.step}/${total}: ${showTerms(record)}, ${speedOf(record)}\n`)
    },
    stop: () => undefined,
  }
}

/** How far a count has come, on standard error: a bar at a terminal, else a line for every tenth. `unit`: what is counted. */
export const countBar = (isWanted: boolean, unit: string, total: number) => {
  const isBar = isWanted && process.stderr.isTTY
  const bar = isBar
    ? new SingleBar({ format: `{bar} {value}/{total} ${unit} | {eta_formatted} left`, hideCursor: true, stream: process.stderr, fps: 5 }, Presets.shades_classic) // prettier-ignore
    : undefined
  let tenth = 0
  bar?.start(total, 0)
  return {
    at: (count: number): void => {
      bar?.update(count)
      if (isBar || !isWanted || Math.floor((10 * count) / total) <= tenth) return
      tenth = Math.floor((10 * count) / total)
      process.stderr.write(`${count}/${total} ${unit}\n`)
    },
    stop: (): void => bar?.stop(),
  }
}

/** `loss 35.2, clm 7.33, mlm 7.34, rtd 0.41`, in nats. */
const showTerms = ({ loss, metrics }: Told): string =>
  [['loss', loss] as const, ...Object.entries(metrics)].map(([name, x]) => `${name} ${x.toPrecision(4)}`).join(', ')

const speedOf = (record: Told): string =>
  'tokensPerSecond' in record ? `${record.tokensPerSecond} tokens/s` : `${record.examplesPerSecond} examples/s`
