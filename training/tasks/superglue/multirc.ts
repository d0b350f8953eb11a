import * as t from 'io-ts'
import * as E from 'fp-ts/Either'
import { atLeast } from '../../../core'
import { exactGroups, f1 } from '../../scores'
import { answered, groupsOf, targetsOf, valuesOf } from '../answers'
import { ClassOf, Index } from '../fields'
import { jsonFiles, jsonReader } from '../json-task'
import { chosen } from '../submission/in-order'
import { readLines } from '../submission/json-lines'
import type { Task } from '../task'

const labels = ['0', '1']
const Label = ClassOf(labels)

const Question = atLeast(
  'question',
  {
    idx: Index,
    question: t.string,
    answers: t.readonlyArray(atLeast('answer', { idx: Index, text: t.string }, { label: Label }), 'a list of answers'),
  },
  {},
)
const Row = atLeast(
  'row',
  {
    idx: Index,
    passage: atLeast('passage', { text: t.string, questions: t.readonlyArray(Question, 'a list of questions') }, {}),
  },
  {},
)

const Prediction = atLeast(
  'prediction',
  {
    idx: Index,
    passage: atLeast(
      'passage',
      {
        questions: t.readonlyArray(
          atLeast(
            'question',
            {
              idx: Index,
              answers: t.readonlyArray(atLeast('answer', { idx: Index, label: Label }, {}), 'a list of answers'),
            },
            {},
          ),
          'a list of questions',
        ),
      },
      {},
    ),
  },
  {},
)

/**
 * Which answers to a question on a passage are right, any number of them (Khashabi et al. 2018). Form: recipe 8.2. An example is an answer: the
 * passage against question and answer (4.4); answers to one question are a group. Its id is passage/question/answer.
 */
export const multirc: Task = {
  name: 'multirc',
  title: 'MultiRC',
  suite: 'superglue',
  folders: ['MultiRC'],
  head: { kind: 'classification', labels },
  files: jsonFiles,
  counts: { train: 27243, dev: 4848, test: 9693 },
  read: jsonReader(Row, ({ idx, passage: { text, questions } }, split) => {
    const examples = []
    for (const [q, { idx: question, question: asked, answers }] of questions.entries())
      for (const [a, answer] of answers.entries()) {
        if (answer.label === undefined && split !== 'test')
          return E.left({
            key: `passage.questions.${q}.answers.${a}.label`,
            expected: labels.join(' | '),
            got: 'nothing',
          })
        const group = `${idx}/${question}`
        const readings = [{ first: text, second: `${asked} ${answer.text}` }]
        examples.push({ id: `${group}/${answer.idx}`, readings, target: answer.label, group })
      }
    return E.right({ examples })
  }),
  score: (examples, answers) => {
    const [values, right] = [valuesOf(answers), targetsOf(examples)]
    return { f1a: f1(values, right), em: exactGroups(values, right, groupsOf(examples)) }
  },
  counted: ['f1a', 'em'],
  submission: {
    file: 'MultiRC.jsonl',
    // A line a passage, in which questions and answers lie as in the file.
    write: (examples, answers) => {
      const passages = new Map<string, Map<string, { idx: number; label: number }[]>>()
      for (const [{ id }, { value }] of answered(examples, answers)) {
        const [passage, question, answer] = id.split('/')
        const questions = passages.get(passage!) ?? new Map<string, { idx: number; label: number }[]>()
        questions.set(question!, [...(questions.get(question!) ?? []), { idx: Number(answer), label: value }])
        passages.set(passage!, questions)
      }
      const lines = [...passages].map(([idx, questions]) => ({
        idx: Number(idx),
        passage: { questions: [...questions].map(([q, all]) => ({ idx: Number(q), answers: all })) },
      }))
      return lines.map((line) => `${JSON.stringify(line)}\n`).join('')
    },
    read: (path, examples) =>
      readLines(path, examples, Prediction, ({ idx, passage }, line) =>
        passage.questions.flatMap(({ idx: question, answers }) =>
          answers.map(({ idx: answer, label }) => ({
            line,
            id: `${idx}/${question}/${answer}`,
            answer: () => E.right(chosen(label, labels.length)),
          })),
        ),
      ),
  },
}
