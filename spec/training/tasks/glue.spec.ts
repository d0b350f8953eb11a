import * as assert from 'uvu/assert'
import { describe } from '../../harness'
import { faultIn, jsonl, put, read, tsv } from './files'

/** Texts and targets of a file's rows. */
const seen = async (...of: Parameters<typeof read>): Promise<unknown> =>
  (await read(...of)).examples.map(({ readings: [{ first, second } = { first: '' }], target }) => [
    first,
    second,
    target,
  ])

describe('training/tasks: forms of GLUE', (test) => {
  test('QQP: lines without six cells are left out and counted; a question may be empty; test rows', async () => {
    const head = ['id', 'qid1', 'qid2', 'question1', 'question2', 'is_duplicate']
    const rows = [
      head,
      ['133273', '1', '2', 'How?', 'Why?', '0'],
      ['402555', '3', '4', 'What'],
      ['360472', '5', '6', 'A?', '', '1'],
    ]
    const file = put('qqp.tsv', tsv(...rows, ['1', '2', '3', '4', '5', '6', '7']))
    assert.equal(await seen('qqp', file, 'train'), [['How?', 'Why?', 0], ['A?', '', 1]]) // prettier-ignore
    const { examples, leftOut } = await read('qqp', file)
    assert.equal(leftOut, [{ why: 'not 6 cells', rows: 2, first: `${file}:3` }])
    assert.equal(examples.map(({ id }) => id), ['133273', '360472']) // prettier-ignore
    const hidden = put('qqp-test.tsv', tsv(['id', 'question1', 'question2'], ['0', 'Who?', 'Whose?']))
    assert.equal(await seen('qqp', hidden, 'test'), [['Who?', 'Whose?', undefined]])
    assert.is(
      await faultIn('qqp', put('x.tsv', tsv(head, ['1', '2', '3', 'a', 'b', '2']))),
      'task row: expected 0 | 1, got "2"\n  at x.tsv:2, is_duplicate',
    )
  })

  test("MRPC: GLUE's and the corpus's own files, with a byte order mark; jsonl with labels as numbers", async () => {
    const head = ['\uFEFFQuality', '#1 ID', '#2 ID', '#1 String', '#2 String']
    assert.equal(await seen('mrpc', put('msr.txt', tsv(head, ['1', '7', '8', '"A" said', 'said "A']))), [['"A" said', 'said "A', 1]]) // prettier-ignore
    const rows = [{ sentence1: 'a', sentence2: 'b', label: 0, idx: 0 }]
    assert.equal(await seen('mrpc', put('mrpc.jsonl', jsonl(...rows))), [['a', 'b', 0]])
    assert.equal(await seen('mrpc', put('mrpc.jsonl', jsonl({ ...rows[0], label: -1 })), 'test'), [
      ['a', 'b', undefined],
    ])
    assert.match(
      await faultIn('mrpc', put('x.jsonl', jsonl({ ...rows[0], label: -1 }))),
      /expected 0 \| 1, got -1\n.*x\.jsonl:1, label/,
    )
  })

  test("STS-B: GLUE's files and the benchmark's own, of seven cells or nine; scores are numbers from 0 to 5", async () => {
    const head = 'index genre filename year old_index source1 source2 sentence1 sentence2 score'.split(' ')
    const glue = ['3', 'news', 'f', '2012', '9', 'none', 'none', 'A.', 'B.', '4.800']
    assert.equal(await seen('sts-b', put('sts.tsv', tsv(head, glue))), [['A.', 'B.', 4.8]])
    const own = ['news', 'f', '2012', '9', '0.25', 'A.', 'B.']
    const file = put('sts-test.tsv', tsv(own, [...own, 'source', 'source']))
    assert.equal(await seen('sts-b', file), [['A.', 'B.', 0.25], ['A.', 'B.', 0.25]]) // prettier-ignore
    for (const score of ['5.1', '-1', 'NaN', '', 'high'])
      assert.is(
        await faultIn('sts-b', put('x.tsv', tsv(head, [...glue.slice(0, -1), score]))),
        `task row: expected a number from 0 to 5, got ${JSON.stringify(score)}\n  at x.tsv:2, score`,
      )
    assert.match(await faultIn('sts-b', put('x.tsv', tsv(own, own.slice(1)))), /expected 7 cells, got 6\n.*x\.tsv:2/)
  })

  test('QNLI: question, then sentence. WNLI: 0 and 1', async () => {
    const qnli = tsv(['index', 'question', 'sentence', 'label'], ['0', 'Who?', 'She.', 'entailment'])
    assert.equal(await seen('qnli', put('qnli.tsv', qnli), 'train'), [['Who?', 'She.', 0]])
    const wnli = tsv(['index', 'sentence1', 'sentence2', 'label'], ['0', 'A.', 'B.', '1'])
    assert.equal(await seen('wnli', put('wnli.tsv', wnli)), [['A.', 'B.', 1]])
  })

  test('AX: without labels, and the file that has them', async () => {
    const hidden = put('diagnostic.tsv', tsv(['index', 'sentence1', 'sentence2'], ['0', 'A.', 'B.']))
    assert.equal(await seen('ax', hidden, 'test'), [['A.', 'B.', undefined]])
    const head = [
      'Lexical Semantics',
      'Predicate-Argument Structure',
      'Logic',
      'Knowledge',
      'Domain',
      'Premise',
      'Hypothesis',
      'Label',
    ]
    const full = put('diagnostic-full.tsv', tsv(head, ['', '', 'Negation', '', 'News', 'A.', 'B.', 'contradiction']))
    assert.equal(await seen('ax', full), [['A.', 'B.', 2]])
    assert.match(
      await faultIn('ax', hidden),
      /^header of a task file: expected sentence1, sentence2, label, or Premise, Hypothesis, Label, got index, /,
    )
  })
})
