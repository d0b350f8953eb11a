import * as E from 'fp-ts/Either'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { showDataFault } from '../../../training/data/fault'
import { locate, tasks, type Answer, type Example, type Task } from '../../../training/tasks'
import { describe } from '../../harness'
import { known, put, read, realData, realSplits } from './files'

const classes = ({ head }: Task, { readings }: Example): number =>
  head.kind === 'classification' || head.kind === 'span-pair'
    ? head.labels.length
    : head.kind === 'choice'
      ? head.choices
      : readings.length

/** The answer of number n to an example, of all that there could be. */
const answerTo = (task: Task, example: Example, n: number): Answer => {
  if (task.head.kind === 'regression') {
    const value = (task.head.range[1] * (n % 1000)) / 999
    return { value, scores: [value] }
  }
  const count = classes(task, example)
  return { value: n % count, scores: Array.from({ length: count }, (_, c) => Number(c === n % count)) }
}

/** Rows as the task numbers them, with as many choices as it has. */
const exampleOf = ({ name, head }: Task, n: number): Example => {
  const choices = ['Anna', 'the Seine', 'Île-de-France', '"quoted"\tby a tab']
  return {
    id: name === 'multirc' ? `${n >> 3}/${n >> 1}/${n}` : String(n),
    readings: head.kind === 'ranking' ? choices.map((first) => ({ first })) : [{ first: `text ${n}` }],
    target: undefined,
    ...(head.kind === 'ranking' ? { choices } : {}),
  }
}

const readBack = async (task: Task, examples: readonly Example[], text: string): Promise<readonly Answer[]> => {
  const answers = await task.submission.read(put(task.submission.file, text), examples)()
  if (E.isLeft(answers)) throw new Error(showDataFault(answers.left))
  return answers.right
}
/** Line ends of a file, which the last line has too. */
const lineCount = (text: string): number => {
  assert.ok(text.endsWith('\n'))
  return text.split('\n').length - 1
}

describe('training/tasks: files to hand in', (test) => {
  for (const task of Object.values(tasks))
    test(`${task.name}: what was written is read back, whatever the answers and the order of the rows`, () =>
      fc.assert(
        fc.asyncProperty(fc.uniqueArray(fc.nat(400), { minLength: 1, maxLength: 30 }), fc.nat(), async (rows, draw) => {
          const examples = rows.map((n) => exampleOf(task, n))
          const answers = examples.map((example, i) => answerTo(task, example, draw + 31 * i))
          const text = task.submission.write(examples, answers)
          assert.equal(await readBack(task, examples, text), answers)
          if (task.name !== 'multirc') assert.is(lineCount(text), rows.length + Number(task.suite === 'glue'))
        }),
        { seed: 1, numRuns: 30 },
      ))

  test('the form of each, as the leaderboards take it', () => {
    const forms = Object.values(tasks).map((task) => {
      const examples = [0, 1].map((n) => exampleOf(task, n))
      const text = task.submission.write(
        examples,
        examples.map((example, i) => answerTo(task, example, i)),
      )
      return `${task.submission.file}\n${text}`
    })
    const glue = (file: string, first: string, second: string): string =>
      `${file}\nindex\tprediction\n0\t${first}\n1\t${second}\n`
    const superglue = (file: string, first: unknown, second: unknown): string =>
      `${file}\n${JSON.stringify({ idx: 0, label: first })}\n${JSON.stringify({ idx: 1, label: second })}\n`
    const nli = ['entailment', 'not_entailment'] as const
    const expected = [
      glue('CoLA.tsv', '0', '1'),
      glue('SST-2.tsv', '0', '1'),
      glue('MRPC.tsv', '0', '1'),
      glue('STS-B.tsv', '0', String(5 / 999)),
      glue('QQP.tsv', '0', '1'),
      glue('MNLI-m.tsv', 'entailment', 'neutral'),
      glue('MNLI-mm.tsv', 'entailment', 'neutral'),
      glue('QNLI.tsv', ...nli),
      glue('RTE.tsv', ...nli),
      glue('WNLI.tsv', '0', '1'),
      glue('AX.tsv', 'entailment', 'neutral'),
      superglue('BoolQ.jsonl', 'false', 'true'),
      superglue('CB.jsonl', 'entailment', 'contradiction'),
      superglue('COPA.jsonl', 0, 1),
      `MultiRC.jsonl\n${JSON.stringify({ idx: 0, passage: { questions: [{ idx: 0, answers: [0, 1].map((idx) => ({ idx, label: idx })) }] } })}\n`,
      superglue('ReCoRD.jsonl', 'Anna', 'the Seine'),
      superglue('RTE.jsonl', ...nli),
      superglue('WiC.jsonl', 'false', 'true'),
      superglue('WSC.jsonl', 'False', 'True'),
      superglue('AX-b.jsonl', ...nli),
      superglue('AX-g.jsonl', ...nli),
    ]
    assert.equal([...forms].sort(), [...expected].sort())
  })

  const data = realData()
  if (data === null) return
  for (const [name, split] of realSplits.filter((real) => real[1] !== 'train'))
    test(`${name}, ${split}: the real rows are handed in, each in a line of its own`, async () => {
      const task = known(name)
      const file = await locate(task, split, data)()
      if (E.isLeft(file)) throw new Error(file.left.expected)
      const { examples } = await read(name, file.right, split)
      const answers = examples.map((example, i) => answerTo(task, example, i))
      const text = task.submission.write(examples, answers)
      assert.equal(await readBack(task, examples, text), answers)
      const passages = new Set(examples.map(({ id }) => id.split('/')[0]))
      const rows = name === 'multirc' ? passages.size : task.counts[split]
      assert.is(lineCount(text), rows + Number(task.suite === 'glue'))
    })
})
