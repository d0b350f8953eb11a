import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import { leavesOf, type Aval } from '../../core'
import type { HostArray } from '../../kernels'
import { parameterAvals, type PairConfig } from '../../models'
import { requireTensors, type Checkpoint } from '../checkpoint/checkpoint'
import type { Tokenizer } from '../data/tokenizer/tokenizer'
import { badInput, type Fault } from '../fault'
import type { ObjectiveTraits } from '../objectives'
import { isUnder } from './recipe'
import { openSaved } from './saved-run'

/** An auxiliary that has learned before: first values by path of the run that takes it, and the tokenizer that it reads by. */
export interface GivenAuxiliary {
  readonly values: ReadonlyMap<string, HostArray>
  readonly tokenizer: Tokenizer | undefined
}

const none: GivenAuxiliary = { values: new Map(), tokenizer: undefined }

export interface AuxiliaryWish {
  readonly auxFrom?: string
  readonly objective: string
  readonly model: PairConfig
  readonly traits: ObjectiveTraits
  /** Whether the run goes on from a checkpoint of its own, which holds what was taken. */
  readonly isResumed: boolean
}

/**
 * What an objective freezes, out of the run of --aux-from.
 * left  no such run where one is needed, one where none is, an auxiliary of other sizes
 */
export const givenAuxiliary =
  ({ auxFrom, objective, model, traits, isResumed }: AuxiliaryWish): TE.TaskEither<Fault, GivenAuxiliary> =>
  async () => {
    const { frozen, heads } = traits
    if (frozen === undefined)
      return auxFrom === undefined
        ? E.right(none)
        : E.left(badInput('--aux-from', auxFrom, 'an objective with a frozen auxiliary, as frozen-aux', objective))
    if (isResumed) return E.right(none)
    if (auxFrom === undefined)
      return E.left(
        badInput(
          '--aux-from',
          `--objective ${objective}`,
          'a run whose auxiliary has learned',
          'none',
          'train one with --objective mlm, then give its folder',
        ),
      )
    const saved = await openSaved(auxFrom, '--aux-from')()
    if (E.isLeft(saved)) return saved
    const { checkpoint, tokenizer } = saved.right
    for (const size of ['heads', 'maxDistance', 'normEps'] as const)
      // the sizes that shapes may not tell
      if (checkpoint.header.model[size] !== model[size])
        return E.left(
          badInput(
            '--aux-from',
            auxFrom,
            `${size} = ${model[size] ?? 'the default'}`,
            String(checkpoint.header.model[size]),
          ),
        )
    const taken = leavesOf<Aval>(parameterAvals(model, heads))
      .filter(([path]) => isUnder(frozen, path))
      .map(([path, aval]) => ({ path, aval, name: `params/${placeOf(checkpoint, path)}` }))
    const fits = requireTensors(checkpoint, new Map(taken.map(({ name, aval }) => [name, aval])))
    if (E.isLeft(fits)) return fits
    return E.right({
      values: new Map(taken.map(({ path, name }) => [path, checkpoint.arrays.get(name)!])),
      tokenizer,
    })
  }

/** Where a run has a parameter of its auxiliary: in its own place, or where it shared it with the main model. */
const placeOf = ({ arrays }: Checkpoint, path: string): string =>
  [path, path.replace(/^aux\/embedding\/token$/, 'embedding/token'), path.replace(/^aux\//, 'main/')].find((place) =>
    arrays.has(`params/${place}`),
  ) ?? path
