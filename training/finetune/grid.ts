import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as E from 'fp-ts/Either'
import * as t from 'io-ts'
import type * as TE from 'fp-ts/TaskEither'
import { closed, codecFaults } from '../../core'
import { describeError } from '../checkpoint/atomic-write'
import { badInput, type Fault } from '../fault'
import { holdsRun, writeText } from '../pretrain/folder'
import { learningSettings, type FinetuneConfig } from './config'
import { finetune, type FinetuneResult } from './run'
import { medianOf } from './summary'
import type { TuneListener } from './tuning'

const lists = Object.fromEntries(
  Object.entries(learningSettings).map(([key, codec]) => [key, t.readonlyArray(codec, `a list: ${codec.name}`)]),
)
/** Lists of values by setting. */
const GridFile = closed('grid', {}, lists)
export type Grid = Readonly<Record<string, readonly (string | number)[]>>

/** COCO-LM's, by the size of the model and of the task (recipe 3.3). */
export const grids: Readonly<Record<string, Grid>> = {
  'coco-lm-base': { lr: [1e-5, 2e-5, 3e-5, 4e-5], batch: [16, 32], epochs: [2, 3, 5] },
  'coco-lm-base-small-tasks': { lr: [1e-5, 2e-5, 3e-5, 4e-5], batch: [16, 32], epochs: [3, 5, 10] },
  'coco-lm-large': { lr: [5e-6, 7e-6, 1e-5, 2e-5, 3e-5], batch: [16, 32], epochs: [2, 3, 5] },
  'coco-lm-large-small-tasks': { lr: [5e-6, 7e-6, 1e-5, 2e-5, 3e-5], batch: [16, 32], epochs: [3, 5, 10] },
}

/** A grid by name, or of a JSON file. left  no such name or file; a setting that no grid has; a list without values */
export const readGrid =
  (asked: string): TE.TaskEither<Fault, Grid> =>
  async () => {
    const known = Object.hasOwn(grids, asked) ? grids[asked] : undefined
    if (known !== undefined) return E.right(known)
    let value: unknown
    try {
      value = JSON.parse(await readFile(asked, 'utf8')) as unknown
    } catch (error) {
      return E.left(
        badInput('--grid', asked, `a JSON file, or ${Object.keys(grids).join(' | ')}`, describeError(error)),
      )
    }
    const decoded = GridFile.decode(value)
    if (E.isLeft(decoded)) {
      const { key, expected, got } = codecFaults(decoded.left)[0]!
      return E.left(badInput(key === '' ? 'grid' : `grid: ${key}`, asked, expected, got))
    }
    const grid = decoded.right as Grid
    const wrong = Object.entries(grid).find(([, list]) => list.length === 0 || new Set(list).size < list.length)
    if (wrong !== undefined)
      return E.left(badInput(`grid: ${wrong[0]}`, asked, 'one value or more, each once', JSON.stringify(wrong[1])))
    return Object.keys(grid).length > 0
      ? E.right(grid)
      : E.left(badInput('grid', asked, `lists for some of ${Object.keys(lists).join(', ')}`, 'none'))
  }

/** A point of a grid. */
export type GridPoint = Readonly<Record<string, string | number>>

/** All combinations, the last setting running fastest. */
export const pointsOf = (grid: Grid): readonly GridPoint[] =>
  Object.entries(grid).reduce<readonly GridPoint[]>(
    (points, [key, values]) => points.flatMap((point) => values.map((value) => ({ ...point, [key]: value }))),
    [{}],
  )

/** `lr=0.00002,batch=16` */
export const pointName = (point: GridPoint): string =>
  Object.entries(point)
    .map(([key, value]) => `${key}=${String(value).replace(/[^\w.+=-]/g, '_')}`)
    .join(',')

export interface GridRun {
  readonly point: GridPoint
  readonly out: string
  /** Median over seeds of what the best moment is chosen by. */
  readonly score: number
  readonly result: FinetuneResult
}

export interface GridResult {
  readonly isDone: boolean
  /** The best first. */
  readonly runs: readonly GridRun[]
}

export interface GridListener extends TuneListener {
  readonly point?: (name: string, number: number, of: number) => void
}

/** Fine-tune at every point of a grid. With `resume`, what is there is taken as it is. `decide`: settings at a point, checked as a whole. */
export const finetuneGrid =
  (
    base: FinetuneConfig,
    grid: Grid,
    decide: (point: GridPoint, out: string) => E.Either<readonly Fault[], FinetuneConfig>,
    resume: boolean,
    listener: GridListener = {},
  ): TE.TaskEither<readonly Fault[], GridResult> =>
  async () => {
    const points = pointsOf(grid)
    const configs: FinetuneConfig[] = []
    for (const point of points) {
      const config = decide(point, join(base.out, pointName(point)))
      if (E.isLeft(config)) return config
      configs.push(config.right)
    }
    const runs: GridRun[] = []
    let isDone = true
    for (const [i, config] of configs.entries()) {
      listener.point?.(pointName(points[i]!), i + 1, points.length)
      const result = await finetune(config, resume && (await holdsRun(config.out)), listener)()
      if (E.isLeft(result)) return E.left([result.left])
      const { seeds } = result.right
      if (seeds.length > 0)
        runs.push({ point: points[i]!, out: config.out, score: medianOf(seeds.map((s) => s.best.score)), result: result.right }) // prettier-ignore
      isDone = result.right.isDone
      if (!isDone) break
    }
    const found: GridResult = { isDone, runs: runs.sort((a, b) => b.score - a.score) }
    const written = await writeText(base.out, 'grid.json', `${JSON.stringify(found, null, 2)}\n`)()
    return E.isLeft(written) ? E.left([written.left]) : E.right(found)
  }
