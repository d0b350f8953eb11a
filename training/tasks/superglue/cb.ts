import { accuracy, macroF1 } from '../../scores'
import { targetsOf, valuesOf } from '../answers'
import { jsonFiles } from '../json-task'
import { classLines } from '../submission/json-lines'
import type { Task } from '../task'
import { premiseHypothesis } from './premise-hypothesis'

const labels = ['entailment', 'contradiction', 'neutral']

/** How sure a speaker is of an embedded clause: CommitmentBank (de Marneffe et al. 2019). Form: recipe 8.2. F1 is the mean over the classes. */
export const cb: Task = {
  name: 'cb',
  title: 'CB',
  suite: 'superglue',
  folders: ['CB'],
  head: { kind: 'classification', labels },
  files: jsonFiles,
  counts: { train: 250, dev: 56, test: 250 },
  read: premiseHypothesis(labels),
  score: (examples, answers) => {
    const [answered, right] = [valuesOf(answers), targetsOf(examples)]
    return { f1: macroF1(answered, right, [...labels.keys()]), accuracy: accuracy(answered, right) }
  },
  counted: ['f1', 'accuracy'],
  submission: classLines('CB.jsonl', labels),
}
