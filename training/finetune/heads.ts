import type { Expr, ExprTree, Tree } from '../../core'
import {
  pooledLogits,
  pooledSpecs,
  sanForm,
  sanLogPosterior,
  sanSpecs,
  spanPairLogits,
  spanPairSpecs,
  type HeadDropout,
  type PairConfig,
  type ParameterSpec,
  type SanParams,
  type TwoLayers,
} from '../../models'
import type { HeadForm } from '../tasks'
import type { TaskInputs } from './batch'

/** How a task's form is answered: the classifier of the pooled [CLS], or, of pairs of texts, the SAN answer module (recipe 4.3). */
export const answers = ['pooled', 'san'] as const
export type AnswerForm = (typeof answers)[number]

/** A head's parameters, and what it says of R rows: f32[R, N]. */
export interface TaskHead {
  readonly specs: (config: PairConfig) => Tree<ParameterSpec>
  readonly scores: (
    params: ExprTree,
    hidden: Expr, // f32[R, T, D]
    batch: Pick<TaskInputs, 'segments' | 'spans'>,
    dropout: HeadDropout,
  ) => Expr
}

/** The head of a form. A value, and a reading that is held against others, have one output. */
export const headOf = (form: HeadForm, answer: AnswerForm): TaskHead => {
  const outputs = 'labels' in form ? form.labels.length : 1
  if (form.kind === 'span-pair')
    return {
      specs: (config) => spanPairSpecs(config, outputs),
      scores: (params, hidden, { spans }, d) => spanPairLogits(params as TwoLayers, hidden, spans, d),
    }
  return answer === 'san'
    ? {
        specs: (config) => sanSpecs(config, outputs),
        scores: (params, hidden, { segments }, d) => sanLogPosterior(sanForm, params as SanParams, hidden, segments, d),
      }
    : {
        specs: (config) => pooledSpecs(config, outputs),
        scores: (params, hidden, _, d) => pooledLogits(params as TwoLayers, hidden, d),
      }
}

/** Which tasks the SAN module can answer: classifications of pairs. */
export const takesSan = ({ kind }: HeadForm, isPair: boolean): boolean => kind === 'classification' && isPair
