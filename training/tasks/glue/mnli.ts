import { accuracy } from '../../scores'
import { textTask, type Naming, type TextTask } from '../text-task'

/** Labels of the GLUE tasks on MultiNLI. */
export const mnliLabels = ['entailment', 'neutral', 'contradiction']

/** GLUE's files; copies with one label; copies that say what the texts are. */
const namings: readonly Naming[] = [
  { texts: ['sentence1', 'sentence2'], label: 'gold_label' },
  { texts: ['sentence1', 'sentence2'], label: 'label' },
  { texts: ['premise', 'hypothesis'], label: 'label' },
]

const form = {
  suite: 'glue',
  folders: ['MNLI'],
  head: { kind: 'classification', labels: mnliLabels },
  namings,
  noLabel: ['-', ''], // annotators did not agree
  measure: (answered: readonly number[], right: readonly number[]) => ({ accuracy: accuracy(answered, right) }),
  counted: ['accuracy'],
} satisfies Partial<TextTask>

const halfOf = (split: string, half: string): readonly string[] => [`${split}_${half}.tsv`, `${split}_${half}.jsonl`]

/** Whether a text follows from another, is contradicted by it, or neither (Williams et al. 2018), on genres seen in training. Form: recipe 8.1. */
export const mnli = textTask({
  ...form,
  name: 'mnli',
  title: 'MNLI-m',
  files: { train: ['train.tsv', 'train.jsonl'], dev: halfOf('dev', 'matched'), test: halfOf('test', 'matched') },
  counts: { train: 392702, dev: 9815, test: 9796 },
})

/** The same on genres that are not in the training rows. */
export const mnliMismatched = textTask({
  ...form,
  name: 'mnli-mm',
  title: 'MNLI-mm',
  answeredBy: 'mnli',
  files: { train: [], dev: halfOf('dev', 'mismatched'), test: halfOf('test', 'mismatched') },
  counts: { train: 0, dev: 9832, test: 9847 },
})
