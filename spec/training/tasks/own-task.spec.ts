import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as E from 'fp-ts/Either'
import * as assert from 'uvu/assert'
import { showFault } from '../../../training/fault'
import { askedTask, locate } from '../../../training/tasks'
import { describe } from '../../harness'
import { temporary } from '../cli/run-cli'
import { fitted } from '../fitted'

const folder = temporary()
const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text)
  return join(folder, name)
}
const party = { name: 'party', labels: ['left', 'right'], texts: ['speech'], label: 'side' }
const asked = (value: object) => askedTask(file('task.json', JSON.stringify(value)))()

describe('training/tasks/own-task', (test) => {
  test('a file tells a task; its rows are read and scored like those of any other', async () => {
    const { task, own } = fitted(await asked(party))
    assert.equal(own, party)
    file('dev.tsv', 'speech\tside\n"quoted\tleft\nhello\tright\nhello\tright\n')
    const path = fitted(await locate(task, 'dev', folder)())
    const { examples } = fitted(await task.read(path, 'dev')())
    assert.equal(examples.map((e) => e.target), [0, 1, 1]) // prettier-ignore
    assert.is(examples[0]!.readings[0]!.first, '"quoted')
    const scores = task.score(examples, [0, 1, 0].map((value) => ({ value, scores: [] }))) // prettier-ignore
    assert.is(scores['accuracy'], 2 / 3)
    assert.ok(Math.abs(scores['macroF1']! - (2 / 3 + 2 / 3) / 2) < 1e-12)
  })

  test('pairs, and files by other names, also .jsonl', async () => {
    const { task } = fitted(await asked({ ...party, texts: ['a', 'b'], dev: 'held.jsonl' }))
    file('held.jsonl', '{"a": "x", "b": "y", "side": "right"}\n')
    const { examples } = fitted(await task.read(fitted(await locate(task, 'dev', folder)()), 'dev')())
    assert.equal(examples[0]!.readings, [{ first: 'x', second: 'y' }])
  })

  const wrong: readonly (readonly [string, object, RegExp])[] = [
    [
      'a name of GLUE',
      { ...party, name: 'rte' },
      /task: name: expected a name that no task of GLUE or SuperGLUE has, got "rte"/,
    ],
    ['one label', { ...party, labels: ['left'] }, /task: labels: expected two labels or more, each once/],
    ['three texts', { ...party, texts: ['a', 'b', 'c'] }, /task: texts: expected the name of one field or of two/],
    ['an unknown key', { ...party, metric: 'f1' }, /metric/],
    ['no label', { name: 'party', labels: ['a', 'b'], texts: ['x'] }, /task: label: expected string/],
  ]
  for (const [name, value, message] of wrong)
    test(`bad input: ${name}`, async () => {
      const found = await asked(value)
      assert.ok(E.isLeft(found))
      assert.match(showFault(found.left), message)
    })

  test('bad input: no such task, no such file, no JSON', async () => {
    const faults = await Promise.all([askedTask('sst2')(), askedTask(join(folder, 'none.json'))(), askedTask(file('x.json', '{'))()]) // prettier-ignore
    const texts = faults.map((f) => (E.isLeft(f) ? showFault(f.left) : ''))
    assert.match(texts[0]!, /--task: expected .*sst-2.* \| FILE\.json, got "sst2"/)
    assert.match(texts[1]!, /--task: expected a JSON file, got ENOENT/)
    assert.match(texts[2]!, /--task: expected a JSON file/)
  })
})
