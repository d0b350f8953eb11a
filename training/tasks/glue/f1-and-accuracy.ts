import { accuracy, f1 } from '../../scores'
import type { TextTask } from '../text-task'

/** Figures of the paraphrase tasks: F1 of class 1, and accuracy. */
export const f1AndAccuracy: Pick<TextTask, 'measure' | 'counted'> = {
  measure: (answered, right) => ({ f1: f1(answered, right), accuracy: accuracy(answered, right) }),
  counted: ['f1', 'accuracy'],
}
