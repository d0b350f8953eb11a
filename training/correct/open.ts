import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import { leavesOf, type Aval } from '../../core'
import { parameterAvals, type PairConfig } from '../../models'
import { requireTensors } from '../checkpoint/checkpoint'
import { badInput, type Fault } from '../fault'
import { bestRun } from '../finetune/folder'
import { encoderReading, objectives, pairReading, type ObjectiveTraits, type Reading } from '../objectives'
import { openSaved, type SavedRun } from '../pretrain/saved-run'

/** A pretrained pair on the disk: its sizes, tokenizer and parameters (by name `params/*`), and how it is read. */
export interface SavedPair extends SavedRun {
  readonly config: PairConfig
  readonly traits: ObjectiveTraits & Required<Pick<ObjectiveTraits, 'reading'>>
  readonly avals: ReadonlyMap<string, Aval>
}

/**
 * The pair of a checkpoint file, or of the newest checkpoint in a folder; the tokenizer lies beside it. `traits`: of the objective that
 * trained it; by default those of the one that the checkpoint names, if it is ours, else the pair's own heads.
 * left  nothing there, a damaged or foreign file, tensors that do not fit, a tokenizer of another run
 */
export const openPair =
  (from: string, traits?: ObjectiveTraits): TE.TaskEither<Fault, SavedPair> =>
  async () => {
    if ((await bestRun(from)) !== undefined) return E.left(isTuned(from))
    const saved = await openSaved(from, '--from')()
    if (E.isLeft(saved)) return saved
    if (saved.right.checkpoint.header.config['tuned'] !== undefined) return E.left(isTuned(from))
    const { checkpoint } = saved.right
    const { model: config, config: settings } = checkpoint.header
    const name = String(settings['objective'])
    const trained = traits ?? traitsOf(name)
    const { heads, reading = pairReading } = trained
    const avals = new Map(
      leavesOf<Aval>(parameterAvals(config, heads)).map(([path, a]) => [`params/${path}`, a] as const),
    )
    const fits = requireTensors(checkpoint, avals)
    return E.isLeft(fits) ? fits : E.right({ ...saved.right, config, traits: { ...trained, reading }, avals })
  }

/** The auxiliary and the language heads are left behind when a model is tuned. */
const isTuned = (from: string): Fault =>
  badInput(
    '--from',
    from,
    'a pretrained run',
    'a model tuned to tasks',
    'give the run that it was tuned from; evaluate and predict take this one',
  )

/** What a checkpoint names as its objective where it is an encoder from elsewhere, without a language model. */
export const importedObjective = 'import'

const traitsOf = (objective: string): ObjectiveTraits =>
  objective === importedObjective
    ? { reading: encoderReading }
    : Object.hasOwn(objectives, objective)
      ? objectives[objective]!
      : {}

/** left  the pair's objective trains no main model, or not the part that is wanted of it */
export const trainedMain = (
  { checkpoint, traits }: SavedPair,
  part: keyof Reading = 'original',
): E.Either<Fault, void> => {
  if (traits.reading[part] !== undefined) return E.right(undefined)
  const wanted = part === 'original' ? 'main model' : "main model's language model"
  const { path, header } = checkpoint
  return E.left(
    badInput('--from', path, `a run that trained the ${wanted}`, `one of ${String(header.config['objective'])}`),
  )
}
