import { leavesOf, mapTree, type Aval, type Tree } from '../../core'
import { tunedSpecs, type PairModel, type ParameterSpec } from '../../models'
import type { Task } from '../tasks'
import { headOf, type AnswerForm, type TaskHead } from './heads'

/** A task with the head that answers it in a model of these sizes. */
export interface HeadedTask {
  readonly task: Task
  readonly answer: AnswerForm
  readonly head: TaskHead
}

/** What is tuned: sizes, and a head for each task. */
export interface TunedModel {
  readonly config: PairModel
  readonly headDropout: number
  readonly tasks: readonly HeadedTask[]
}

export const headed = (task: Task, answer: AnswerForm): HeadedTask => ({
  task,
  answer,
  head: headOf(task.head, answer),
})

export const specsOf = ({ config, tasks }: Pick<TunedModel, 'config' | 'tasks'>): Tree<ParameterSpec> =>
  tunedSpecs(config, Object.fromEntries(tasks.map(({ task, head }) => [task.name, head.specs(config)])))

export const avalsOf = (model: TunedModel): Tree<Aval> => mapTree<ParameterSpec, Aval>(specsOf(model), (p) => p.aval)

/** Parameters by the names that they have in programs and checkpoints. */
export const namedAvals = (model: TunedModel): ReadonlyMap<string, Aval> =>
  new Map(leavesOf<Aval>(avalsOf(model)).map(([path, aval]) => [`params/${path}`, aval]))

/**
 * What a parameter's learning rate is multiplied by: `decay` to the power of how far it lies below the heads. Embeddings have depth 0, layers
 * 1 to L, heads L + 2 (ELECTRA's code, `_get_layer_lrs`; recipe 3.3).
 */
export const layerFactor =
  (decay: number, layers: number) =>
  (path: string): number => {
    if (path.startsWith('tasks/')) return 1
    const layer = /^main\/layers\/layer(\d+)\//.exec(path)?.[1]
    return decay ** (layers + 2 - (layer === undefined ? 0 : Number(layer) + 1))
  }
