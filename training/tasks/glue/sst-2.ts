import { accuracy } from '../../scores'
import { textTask } from '../text-task'

/** Sentiment of film reviews (Socher et al. 2013). Form: recipe 8.1. */
export const sst2 = textTask({
  name: 'sst-2',
  title: 'SST-2',
  suite: 'glue',
  head: { kind: 'classification', labels: ['0', '1'] },
  namings: [{ texts: ['sentence'], label: 'label' }],
  counts: { train: 67349, dev: 872, test: 1821 },
  measure: (answered, right) => ({ accuracy: accuracy(answered, right) }),
  counted: ['accuracy'],
})
