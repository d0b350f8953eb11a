import * as E from 'fp-ts/Either'
import * as t from 'io-ts'
import type * as TE from 'fp-ts/TaskEither'
import { closed, codecFaults, leavesOf, oneOf, PositiveInt, Rate, type Aval } from '../../core'
import type { HostArray } from '../../kernels'
import { initValues, tunedSpecs, type PairConfig, type ParameterSpec } from '../../models'
import { requireTensors } from '../checkpoint/checkpoint'
import { badInput, type Fault } from '../fault'
import { openSaved, type SavedRun } from '../pretrain/saved-run'
import { OwnTask, ownTask, taskOf, tasks as known } from '../tasks'
import { bestRun } from './folder'
import { answers } from './heads'
import { headed, namedAvals, specsOf, type HeadedTask, type TunedModel } from './model'

/** How a tuned model was made to read and answer: beside the model in the header of its checkpoint. */
export const TunedSettings = closed(
  'tuned',
  {
    tasks: t.readonlyArray(
      closed('task', { name: t.string, answer: oneOf(answers) }, { own: OwnTask }),
      'a list of tasks',
    ),
    headDropout: Rate,
    seq: PositiveInt,
    separators: t.union([t.literal(1), t.literal(2)], '1 or 2'),
  },
  {},
)
export type TunedSettings = t.TypeOf<typeof TunedSettings>

/** A tuned model on the disk. */
export interface SavedTuned extends SavedRun {
  readonly model: TunedModel
  readonly settings: TunedSettings
}

/**
 * A tuned model: a checkpoint file, the folder of a run, or of several, of which the best on dev is taken.
 * left  nothing there; a pair that was not tuned; tensors that do not fit
 */
export const openTuned =
  (from: string): TE.TaskEither<Fault, SavedTuned> =>
  async () => {
    const best = await bestRun(from)
    const saved = await openSaved(best ?? from, '--from')()
    if (E.isLeft(saved)) return saved
    const { header, path } = saved.right.checkpoint
    const settings = tunedSettings(header.config, path)
    if (E.isLeft(settings)) return settings
    if (settings.right === undefined)
      return E.left(
        badInput('--from', path, 'a model tuned to a task', 'a pretrained pair', 'tune it by emend finetune'),
      )
    const model = modelOfSettings(settings.right, header.model, path)
    if (E.isLeft(model)) return model
    const fits = requireTensors(saved.right.checkpoint, namedAvals(model.right))
    return E.isLeft(fits) ? fits : E.right({ ...saved.right, model: model.right, settings: settings.right })
  }

/** undefined: the checkpoint is of a pair. */
const tunedSettings = (
  config: Readonly<Record<string, unknown>>,
  path: string,
): E.Either<Fault, TunedSettings | undefined> => {
  const { tuned } = config
  if (tuned === undefined) return E.right(undefined)
  const decoded = TunedSettings.decode(tuned)
  if (E.isRight(decoded)) return decoded
  const { key, expected, got } = codecFaults(decoded.left)[0]!
  return E.left(badInput(`checkpoint: tuned ${key}`, path, expected, got))
}

const modelOfSettings = (
  { tasks, headDropout }: TunedSettings,
  config: PairConfig,
  path: string,
): E.Either<Fault, TunedModel> => {
  const answered: HeadedTask[] = []
  for (const { name, answer, own } of tasks) {
    const task = own === undefined ? taskOf(name) : ownTask(own)
    if (task === undefined)
      return E.left(badInput('checkpoint: tuned tasks', path, Object.keys(known).join(' | '), name))
    answered.push(headed(task, answer))
  }
  return E.right({ config, headDropout, tasks: answered })
}

/** A model to begin with: its sizes and tokenizer, and what of the encoder and of heads it has learned, by name `params/*`. */
export interface Beginning extends SavedRun {
  readonly config: PairConfig
  readonly learned: ReadonlyMap<string, HostArray>
}

/**
 * A pretrained pair, or a tuned model: of several tasks, or of another one. What has the path and shape of the new model's is taken.
 * left  as openTuned, but for a pair
 */
export const openBeginning =
  (from: string): TE.TaskEither<Fault, Beginning> =>
  async () => {
    const best = await bestRun(from)
    const saved = await openSaved(best ?? from, '--from')()
    if (E.isLeft(saved)) return saved
    const { checkpoint } = saved.right
    const config = checkpoint.header.model
    const encoder = new Map<string, Aval>(
      leavesOf<ParameterSpec>(tunedSpecs(config, {})).map(([path, { aval }]) => [`params/${path}`, aval] as const),
    )
    const fits = requireTensors(checkpoint, encoder)
    if (E.isLeft(fits)) return fits
    const learned = new Map(
      [...checkpoint.arrays].filter(([name]) => encoder.has(name) || name.startsWith('params/tasks/')),
    )
    return E.right({ ...saved.right, config, learned })
  }

/** First values of a model by name: drawn, but for what was learned before and has its place in it. */
export const firstValues = (
  model: TunedModel,
  seed: number,
  { learned }: Pick<Beginning, 'learned'>,
): ReadonlyMap<string, HostArray> =>
  new Map(
    [...initValues(specsOf(model), seed)].map(([path, drawn]) => {
      const name = `params/${path}`
      const known = learned.get(name)
      return [name, known?.length === drawn.length ? known : drawn]
    }),
  )
