import type { Answerer } from './answers'
import type { Baselines } from './baselines'
import type { DevRecord } from './evaluate'
import type { Opened } from './open'
import type { TuneRecord, Tuner } from './train'

/** What a run of one seed came to. */
export interface SeedResult {
  readonly seed: number
  readonly steps: number
  readonly best: DevRecord
  readonly checkpoint: string
  readonly seconds: number
}

export interface TuneListener {
  readonly notice?: (text: string) => void
  readonly opened?: (opened: Opened, baselines: { readonly [task: string]: Baselines }) => void
  readonly seed?: (seed: number, steps: number, from: number) => void
  readonly stepped?: (record: TuneRecord, seed: number) => void
  readonly evaluated?: (record: DevRecord, seed: number) => void
  readonly finished?: (result: SeedResult) => void
  /** Asked after every step; true ends the run with its state saved. */
  readonly shouldStop?: () => boolean
}

/** A run of one seed under way. */
export interface Tuning {
  readonly opened: Opened
  readonly seed: number
  readonly folder: string
  readonly tuner: Tuner
  readonly answerer: Answerer
  readonly listener: TuneListener
}
