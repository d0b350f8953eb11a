import { accuracy } from '../../scores'
import { textTask } from '../text-task'

/** Whether a sentence answers a question: SQuAD as pairs (Wang et al. 2018, arXiv:1804.07461). Form: recipe 8.1. */
export const qnli = textTask({
  name: 'qnli',
  title: 'QNLI',
  suite: 'glue',
  head: { kind: 'classification', labels: ['entailment', 'not_entailment'] },
  namings: [{ texts: ['question', 'sentence'], label: 'label' }],
  counts: { train: 104743, dev: 5463, test: 5463 },
  measure: (answered, right) => ({ accuracy: accuracy(answered, right) }),
  counted: ['accuracy'],
})
