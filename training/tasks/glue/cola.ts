import { matthews } from '../../scores'
import { header } from '../rows'
import { textTask } from '../text-task'

/** Whether a sentence is English as linguists find it acceptable (Warstadt et al. 2019). Form: recipe 8.1; train and dev have no header. */
export const cola = textTask({
  name: 'cola',
  title: 'CoLA',
  suite: 'glue',
  head: { kind: 'classification', labels: ['0', '1'] },
  namings: [{ texts: ['sentence'], label: 'label' }],
  columns: (first, split) =>
    split === 'test' ? header(first) : { names: ['source', 'label', 'mark', 'sentence'], hasHeader: false, beyond: 0 },
  counts: { train: 8551, dev: 1043, test: 1063 },
  measure: (answered, right) => ({ matthews: matthews(answered, right) }),
  counted: ['matthews'],
})
