import { matthews } from '../../scores'
import { textTask } from '../text-task'
import { mnliLabels } from './mnli'

/**
 * Diagnostics: pairs that a model of MNLI answers, with hidden labels (Wang et al. 2018, arXiv:1804.07461, §3.2). Form: recipe 8.1. The file with
 * labels, diagnostic-full.tsv, is read as well. It does not count.
 */
export const ax = textTask({
  name: 'ax',
  title: 'AX',
  suite: 'glue',
  folders: ['AX', 'diagnostic'],
  head: { kind: 'classification', labels: mnliLabels },
  answeredBy: 'mnli',
  namings: [
    { texts: ['sentence1', 'sentence2'], label: 'label' },
    { texts: ['Premise', 'Hypothesis'], label: 'Label' },
  ],
  files: { train: [], dev: [], test: ['diagnostic.tsv', 'test.tsv', 'AX.tsv', 'diagnostic-full.tsv', 'test.jsonl'] },
  counts: { train: 0, dev: 0, test: 1104 },
  measure: (answered, right) => ({ matthews: matthews(answered, right) }),
  counted: [],
})
