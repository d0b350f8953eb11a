import { gzipSync } from 'node:zlib'
import * as assert from 'uvu/assert'
import { describe } from '../../harness'
import { faultIn, jsonl, put, read, tsv } from './files'

describe('training/tasks: a text or a pair in a row', (test) => {
  test('quotes are characters, CRLF is an end, a byte order mark is none of the header, blank lines are no rows', async () => {
    const file = put(
      'sst.tsv',
      `\uFEFF${tsv(['sentence', 'label'], ['"open , he said', '0'], ['fine "', '1']).replaceAll('\n', '\r\n')}\r\n`,
    )
    assert.equal((await read('sst-2', file)).examples, [
      { id: '0', readings: [{ first: '"open , he said' }], target: 0 },
      { id: '1', readings: [{ first: 'fine "' }], target: 1 },
    ])
  })

  test('CoLA: train and dev without a header, test with one and without labels; .gz', async () => {
    const dev = put('cola.tsv.gz', gzipSync(tsv(['gj04', '1', '', 'They sang.'], ['gj04', '0', '*', 'Sang they "it'])))
    assert.equal(
      (await read('cola', dev)).examples.map((e) => [e.readings[0]!.first, e.target]),
      [
        ['They sang.', 1],
        ['Sang they "it', 0],
      ],
    )
    const hidden = await read('cola', put('cola-test.tsv', tsv(['index', 'sentence'], ['7', 'Bill whistled.'])), 'test')
    assert.equal(hidden.examples, [{ id: '7', readings: [{ first: 'Bill whistled.' }], target: undefined }])
  })

  test('RTE: a pair, labels by number, the index of the file', async () => {
    const file = put(
      'rte.tsv',
      tsv(['index', 'sentence1', 'sentence2', 'label'], ['3', 'A b.', 'A.', 'not_entailment']),
    )
    assert.equal((await read('rte', file)).examples, [
      { id: '3', readings: [{ first: 'A b.', second: 'A.' }], target: 1 },
    ])
  })

  test('MNLI: train with its parses, the last of several labels; jsonl under three namings; rows without a label are told', async () => {
    const head =
      'index promptID pairID genre s1_binary_parse s2_binary_parse s1_parse s2_parse sentence1 sentence2 label1 gold_label'
    const cells = ['9', 'p', 'q', 'fiction', '( a )', '( b )', '(X a)', '(X b)', 'A.', 'B.', 'neutral', 'contradiction']
    const train = await read('mnli', put('mnli.tsv', tsv(head.split(' '), cells)), 'train')
    assert.equal(train.examples, [{ id: '9', readings: [{ first: 'A.', second: 'B.' }], target: 2 }])
    for (const row of [
      { sentence1: 'A.', sentence2: 'B.', gold_label: 'neutral' },
      { sentence1: 'A.', sentence2: 'B.', label: 'neutral' },
      { premise: 'A.', hypothesis: 'B.', label: 'neutral', annotator_labels: ['neutral'] },
    ]) {
      const unlabelled = Object.fromEntries(Object.entries(row).map(([k, v]) => [k, k.includes('label') ? '-' : v]))
      const file = put('mnli.jsonl', jsonl(row, unlabelled, unlabelled, row))
      const { examples, leftOut } = await read('mnli', file)
      assert.equal(
        examples.map((e) => [e.id, e.target]),
        [
          ['0', 1],
          ['3', 1],
        ],
      )
      assert.equal(leftOut, [{ why: 'no label', rows: 2, first: `${file}:2` }])
    }
  })

  test('what is wrong is told with file, line and column', async () => {
    const head = ['index', 'sentence1', 'sentence2', 'label']
    const cases: readonly (readonly [string, string])[] = [
      ['', 'task file: expected some rows, got none\n  at x.tsv'],
      [tsv(head), 'task file: expected some rows, got none\n  at x.tsv'],
      [
        tsv(['sentence', 'label'], ['a', '1']),
        'header of a task file: expected sentence1, sentence2, label, got sentence, label\n  at x.tsv',
      ],
      [
        tsv(head, ['0', 'a', 'b', 'yes']),
        'task row: expected entailment | not_entailment, got "yes"\n  at x.tsv:2, label',
      ],
      [
        tsv(head, ['0', 'a', 'b', '"entailment"']),
        'task row: expected entailment | not_entailment, got "\\"entailment\\""\n  at x.tsv:2, label',
      ],
      [tsv(head, ['0', 'a', 'b']), 'task row: expected 4 cells, got 3\n  at x.tsv:2'],
      [tsv(head, ['0', 'a', 'b', 'entailment', '']), 'task row: expected 4 cells, got 5\n  at x.tsv:2'],
      [tsv(head, ['x', 'a', 'b', 'entailment']), 'task row: expected a whole number ≥ 0, got "x"\n  at x.tsv:2, index'],
      [
        tsv(head, ['0', 'a', 'b', 'entailment'], ['0', 'c', 'd', 'entailment']),
        'task row: expected each row once, got 0 again, as in line 2\n  at x.tsv:3',
      ],
    ]
    for (const [text, want] of cases) assert.is(await faultIn('rte', put('x.tsv', text)), want)
    assert.is(
      await faultIn('rte', put('x.jsonl', jsonl({ sentence1: 'a', sentence2: 7, label: 'entailment' }))),
      'task row: expected string, got 7\n  at x.jsonl:1, sentence2',
    )
    assert.match(
      await faultIn('rte', put('x.jsonl', '{"sentence1": "a"')),
      /^task file: expected one JSON object on a line, got .*\n {2}at x\.jsonl:1$/,
    )
    assert.match(await faultIn('rte', put('x.jsonl', '[1]\n')), /got an array/)
    assert.match(await faultIn('rte', '/nowhere/dev.tsv'), /an existing file, got no such file/)
  })

  test('a line of 10^5 words is a row like any other', async () => {
    const long = 'word '.repeat(1e5)
    const { examples } = await read('sst-2', put('long.tsv', tsv(['sentence', 'label'], [long, '1'])))
    assert.is(examples[0]!.readings[0]!.first, long)
  })
})
