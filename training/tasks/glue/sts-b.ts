import { pearson, spearman } from '../../scores'
import { header } from '../rows'
import { textTask } from '../text-task'

/** The benchmark's own files have no header, and name no sources or two. */
const own = ['genre', 'filename', 'year', 'old_index', 'score', 'sentence1', 'sentence2']

/**
 * How alike two sentences are, from 0 to 5 (Cer et al. 2017, arXiv:1708.00055). Form: recipe 8.1; trained on score / 5 (3.3). The benchmark's own
 * files are read as well: their test file has its scores (sts-test).
 */
export const stsB = textTask({
  name: 'sts-b',
  title: 'STS-B',
  suite: 'glue',
  head: { kind: 'regression', scale: 5, range: [0, 5] },
  namings: [
    { texts: ['sentence1', 'sentence2'], label: 'score' },
    { texts: ['sentence1', 'sentence2'], label: 'label' },
  ],
  columns: (first) => (first[0] === 'index' ? header(first) : { names: own, hasHeader: false, beyond: 2 }),
  counts: { train: 5749, dev: 1500, test: 1379 },
  measure: (answered, right) => ({ pearson: pearson(answered, right), spearman: spearman(answered, right) }),
  counted: ['pearson', 'spearman'],
})
