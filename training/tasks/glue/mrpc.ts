import { textTask } from '../text-task'
import { f1AndAccuracy } from './f1-and-accuracy'

/**
 * Whether two sentences say the same (Dolan and Brockett 2005). Form: recipe 8.1. The corpus's own test file is of the same form, with labels
 * (msr_paraphrase_test.txt).
 */
export const mrpc = textTask({
  name: 'mrpc',
  title: 'MRPC',
  suite: 'glue',
  head: { kind: 'classification', labels: ['0', '1'] },
  namings: [
    { texts: ['#1 String', '#2 String'], label: 'Quality' },
    { texts: ['sentence1', 'sentence2'], label: 'label' },
  ],
  counts: { train: 3668, dev: 408, test: 1725 },
  ...f1AndAccuracy,
})
