import { accuracy } from '../../scores'
import { textTask } from '../text-task'

/** Whether a sentence follows with its pronoun filled in (Levesque et al. 2012, as pairs). Form: recipe 8.1. */
export const wnli = textTask({
  name: 'wnli',
  title: 'WNLI',
  suite: 'glue',
  head: { kind: 'classification', labels: ['0', '1'] },
  namings: [{ texts: ['sentence1', 'sentence2'], label: 'label' }],
  counts: { train: 635, dev: 71, test: 146 },
  measure: (answered, right) => ({ accuracy: accuracy(answered, right) }),
  counted: ['accuracy'],
})
