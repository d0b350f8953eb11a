import { textTask } from '../text-task'
import { f1AndAccuracy } from './f1-and-accuracy'

/** Whether two questions ask the same (Quora Question Pairs). Form: recipe 8.1. The official files have lines that are cut short. */
export const qqp = textTask({
  name: 'qqp',
  title: 'QQP',
  suite: 'glue',
  head: { kind: 'classification', labels: ['0', '1'] },
  namings: [
    { texts: ['question1', 'question2'], label: 'is_duplicate' },
    { texts: ['question1', 'question2'], label: 'label' },
  ],
  leavesOutOddLines: true,
  counts: { train: 363846, dev: 40430, test: 390965 },
  ...f1AndAccuracy,
})
