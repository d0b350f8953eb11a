import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { describe } from '../../harness'
import { emend, jsonLines, temporary } from './run-cli'

const folder = temporary()
const put = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text)
  return join(folder, name)
}
const score = (task: string, predictions: string, gold: string, ...more: readonly string[]) =>
  emend(['score', '--task', task, predictions, gold, ...more])

const sst2 = put('sst-2.tsv', 'sentence\tlabel\ngood\t1\nbad\t0\nfine\t1\npoor\t0\n')
const cola = put('cola.tsv', 'a\t1\t\tThey sang.\na\t0\t*\tThey sang them sang.\n')
const handed = (name: string, ...labels: readonly number[]): string =>
  put(name, `index\tprediction\n${labels.map((label, i) => `${i}\t${label}\n`).join('')}`)

describe('training/cli: score', (test) => {
  test('figures of a file that was handed in, as JSON and for people', async () => {
    const predictions = handed('right.tsv', 1, 0, 0, 0)
    const { code, stdout, stderr } = await score('sst-2', predictions, sst2, '--json')
    assert.is(code, 0, stderr)
    assert.equal(jsonLines(stdout), [{ task: 'sst-2', n: 4, metrics: { accuracy: 0.75 } }])
    assert.is((await score('sst-2', predictions, sst2)).stdout, 'SST-2, 4 rows: accuracy 0.7500\n')
  })

  test('lines of any order; a correlation of answers that are all alike is 0, as scikit-learn has it', async () => {
    const predictions = put('turned.tsv', 'index\tprediction\n1\t1\n0\t1\n')
    const { code, stdout, stderr } = await score('cola', predictions, cola, '--json')
    assert.is(code, 0, stderr)
    assert.equal(jsonLines(stdout), [{ task: 'cola', n: 2, metrics: { matthews: 0 } }])
  })

  test("SuperGLUE's lines", async () => {
    const gold = put('boolq.jsonl', '{"idx":0,"question":"is it","passage":"It is.","label":true}\n')
    const predictions = put('BoolQ.jsonl', '{"idx":0,"label":"false"}\n')
    const { stdout } = await score('boolq', predictions, gold, '--json')
    assert.equal(jsonLines(stdout), [{ task: 'boolq', n: 1, metrics: { accuracy: 0 } }])
  })

  for (const [name, text, message] of [
    ['no such label', 'index\tprediction\n0\t2\n', /predictions: .*got .*2.*\n {2}at .*wrong\.tsv:2, prediction/],
    ['no header', '0\t1\n', /expected the header index, prediction, got 0, 1\n {2}at .*wrong\.tsv:1/],
    [
      'rows missing',
      'index\tprediction\n0\t1\n',
      /expected one for each of 4 rows, got none for 3: 1, 2, 3\n {2}at .*wrong\.tsv/,
    ],
    [
      'a row that gold lacks',
      'index\tprediction\n9\t1\n',
      /expected rows that the gold file has, got one for 9\n {2}at .*wrong\.tsv:2/,
    ],
    [
      'a row twice',
      'index\tprediction\n0\t1\n0\t1\n',
      /expected one for each row, got 0 again, as in line 2\n {2}at .*wrong\.tsv:3/,
    ],
    ['three cells', 'index\tprediction\n0\t1\t1\n', /expected 2 cells, got 3\n {2}at .*wrong\.tsv:2/],
    ['an empty file', '', /expected a header and predictions, got an empty file\n {2}at .*wrong\.tsv/],
  ] as const)
    test(`${name}: refused`, async () => {
      const { code, stdout, stderr } = await score('sst-2', put('wrong.tsv', text), sst2)
      assert.equal([code, stdout], [2, ''])
      assert.match(stderr, message)
    })

  test('files that are not there, a task that is none', async () => {
    const missing = await score('sst-2', join(folder, 'none.tsv'), sst2)
    assert.is(missing.code, 2)
    assert.match(missing.stderr, /predictions: expected an existing file, got no such file\n {2}at .*none\.tsv/)
    const gold = await score('sst-2', handed('some.tsv', 1), join(folder, 'gold.tsv'))
    assert.is(gold.code, 2)
    assert.match(gold.stderr, /expected an existing file, got no such file\n {2}at .*gold\.tsv/)
    const task = await score('sst-3', handed('some.tsv', 1), sst2)
    assert.is(task.code, 2)
    assert.match(task.stderr, /--task: expected .*sst-2.*, got .*sst-3/)
  })
})
