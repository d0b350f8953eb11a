import { accuracy } from '../../scores'
import { textTask } from '../text-task'

/** Whether one text follows from another: the RTE challenges 1, 2, 3 and 5. Form: recipe 8.1. */
export const rte = textTask({
  name: 'rte',
  title: 'RTE',
  suite: 'glue',
  head: { kind: 'classification', labels: ['entailment', 'not_entailment'] },
  namings: [{ texts: ['sentence1', 'sentence2'], label: 'label' }],
  counts: { train: 2490, dev: 277, test: 3000 },
  measure: (answered, right) => ({ accuracy: accuracy(answered, right) }),
  counted: ['accuracy'],
})
