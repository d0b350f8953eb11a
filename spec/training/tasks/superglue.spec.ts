import * as assert from 'uvu/assert'
import { describe } from '../../harness'
import { faultIn, jsonl, known, put, read } from './files'

const nli = { premise: 'A.', hypothesis: 'B.', idx: 4 }
const copa = { premise: 'It rained.', choice1: 'I left.', choice2: 'I sang.', question: 'effect', label: 1, idx: 3 }
const multirc = {
  idx: 2,
  passage: {
    text: 'P.',
    questions: [
      { idx: 5, question: 'Q?', answers: [{ idx: 9, text: 'a', label: 0 }, { idx: 10, text: 'b', label: 1 }] }, // prettier-ignore
      { idx: 6, question: 'R?', answers: [{ idx: 11, text: 'c', label: 1 }] },
    ],
  },
}
const record = {
  idx: 0,
  passage: {
    text: '🦀 Bob met Ann.\nBob left.',
    entities: [{ start: 10, end: 12 }, { start: 2, end: 4 }, { start: 15, end: 17 }], // prettier-ignore
  },
  qas: [
    { idx: 7, query: '@placeholder left, said @placeholder', answers: [{ start: 2, end: 4, text: 'Bob' }] },
    { idx: 8, query: 'It was @placeholder', answers: [{ start: 10, end: 12, text: 'Ann' }, { text: 'Bob' }] },
  ],
}
const wic = { word: 'bank', sentence1: '🦀 The banks.', sentence2: 'A bank', idx: 1, label: true, start1: 6, end1: 11, start2: 2, end2: 6 } // prettier-ignore

describe('training/tasks: forms of SuperGLUE', (test) => {
  test('BoolQ: question / passage; true and false, which test rows lack', async () => {
    const row = { question: 'is it', passage: 'It is.', idx: 3 }
    const [example] = (await read('boolq', put('b.jsonl', jsonl({ ...row, label: true })))).examples
    assert.equal(example, { id: '3', readings: [{ first: 'is it', second: 'It is.' }], target: 1 })
    assert.is((await read('boolq', put('b.jsonl', jsonl(row)), 'test')).examples[0]!.target, undefined)
    const fault = 'task row: expected false | true, got nothing\n  at x.jsonl:1, label'
    assert.is(await faultIn('boolq', put('x.jsonl', jsonl(row))), fault)
    assert.match(
      await faultIn('boolq', put('x.jsonl', jsonl({ ...row, label: 'yes' }))),
      /expected false \| true, got "yes"/,
    )
  })

  test('CB and RTE: premise / hypothesis; AX-b: its sentences, with an index as text', async () => {
    const pair = [{ first: 'A.', second: 'B.' }]
    const cb = await read('cb', put('cb.jsonl', jsonl({ ...nli, label: 'neutral' })))
    assert.equal(cb.examples, [{ id: '4', readings: pair, target: 2 }])
    const rte = await read('superglue-rte', put('rte.jsonl', jsonl({ ...nli, label: 'not_entailment' })))
    assert.equal(rte.examples, [{ id: '4', readings: pair, target: 1 }])
    const axB = { sentence1: 'A.', sentence2: 'B.', idx: '12', label: 'entailment', logic: 'Negation' }
    assert.equal((await read('ax-b', put('ax.jsonl', jsonl(axB)), 'test')).examples, [
      { id: '12', readings: pair, target: 0 },
    ])
    assert.match(
      await faultIn('cb', put('x.jsonl', jsonl({ ...nli, label: 'maybe' }))),
      /expected entailment \| contradiction \| neutral, got "maybe"\n {2}at x\.jsonl:1, label/,
    )
    assert.match(
      await faultIn('cb', put('x.jsonl', jsonl({ idx: 0, premise: 'a', label: 'neutral' }))),
      /expected string, got nothing\n.*, hypothesis/,
    )
  })

  test('AX-g: rows that differ in the gender of a pronoun are a pair', async () => {
    const rows = ['his', 'her', 'his', 'her'].map((whose, idx) => ({
      premise: `The clerk met the buyer to get ${whose} form.`,
      hypothesis: idx < 2 ? 'The clerk has a form.' : 'The buyer has a form.',
      label: 'entailment',
      idx,
      pair_id: 551646 + idx,
    }))
    const { examples } = await read('ax-g', put('axg.jsonl', jsonl(...rows)), 'test')
    const groups = examples.map(({ group }) => group)
    assert.is(groups[0], groups[1])
    assert.is(groups[2], groups[3])
    assert.is.not(groups[0], groups[2])
    const scores = known('ax-g').score(
      examples,
      [0, 0, 0, 1].map((value) => ({ value, scores: [] })),
    )
    assert.equal(scores, { parity: 0.5, accuracy: 0.75 })
  })

  test('COPA: the premise against each choice after because or so', async () => {
    const file = put('copa.jsonl', jsonl(copa, { ...copa, question: 'cause', idx: 4, label: 0 }))
    const { examples } = await read('copa', file)
    assert.equal(examples[0], {
      id: '3',
      readings: [{ first: 'It rained.', second: 'so I left.' }, { first: 'It rained.', second: 'so I sang.' }], // prettier-ignore
      target: 1,
    })
    assert.is(examples[1]!.readings[0]!.second, 'because I left.')
    assert.match(
      await faultIn('copa', put('x.jsonl', jsonl({ ...copa, question: 'why' }))),
      /expected cause \| effect, got "why"\n.*, question/,
    )
    assert.match(
      await faultIn('copa', put('x.jsonl', jsonl({ ...copa, label: 2 }))),
      /expected 0 \| 1, got 2\n.*, label/,
    )
  })

  test('MultiRC: an example an answer, a group a question', async () => {
    const { examples } = await read('multirc', put('m.jsonl', jsonl(multirc)))
    assert.equal(
      examples.map(({ id, group, target, readings }) => [id, group, target, readings[0]!.first, readings[0]!.second]),
      [
        ['2/5/9', '2/5', 0, 'P.', 'Q? a'],
        ['2/5/10', '2/5', 1, 'P.', 'Q? b'],
        ['2/6/11', '2/6', 1, 'P.', 'R? c'],
      ],
    )
    const say = (...values: number[]) => values.map((value) => ({ value, scores: [] }))
    assert.equal(known('multirc').score(examples, say(0, 1, 0)), { f1a: 2 / 3, em: 0.5 })
    const unlabelled = JSON.parse(JSON.stringify(multirc).replaceAll(/,"label":[01]/g, '')) as object
    assert.is((await read('multirc', put('m.jsonl', jsonl(unlabelled)), 'test')).examples.length, 3)
    assert.is(
      await faultIn('multirc', put('x.jsonl', jsonl(unlabelled))),
      'task row: expected 0 | 1, got nothing\n  at x.jsonl:1, passage.questions.0.answers.0.label',
    )
    const wrong = JSON.parse(JSON.stringify(multirc).replace('"text":"c"', '"text":3')) as object
    assert.match(
      await faultIn('multirc', put('x.jsonl', jsonl(wrong))),
      /got 3\n {2}at x\.jsonl:1, passage\.questions\.1\.answers\.0\.text/,
    )
  })

  test("ReCoRD: a reading an entity's text, each once, filled in wherever the gap is; places are of characters, not of their halves", async () => {
    const { examples } = await read('record', put('r.jsonl', jsonl(record)))
    assert.equal(examples[0], {
      id: '7',
      readings: ['Ann left, said Ann', 'Bob left, said Bob'].map((second) => ({ first: record.passage.text, second })),
      target: 1,
      choices: ['Ann', 'Bob'],
      rights: [1],
    })
    assert.equal([examples[1]!.target, examples[1]!.rights], [0, [0, 1]])
    const say = (...values: number[]) => values.map((value) => ({ value, scores: [] }))
    assert.equal(known('record').score(examples, say(0, 1)), { f1: 0.5, em: 0.5 })
  })

  test('ReCoRD: what cannot be answered is left out and told; test rows have no answers', async () => {
    const [query] = record.qas
    const odd = [{ ...query, idx: 1, query: 'no gap' }, { ...query, idx: 2, answers: [{ text: 'Eve' }] }, query] // prettier-ignore
    const file = put('r.jsonl', jsonl({ ...record, qas: odd }))
    const { examples, leftOut } = await read('record', file, 'train')
    assert.equal(examples.map(({ id }) => id), ['7']) // prettier-ignore
    assert.equal(leftOut.map(({ why, rows }) => [why, rows]), [['a query without @placeholder', 1], ['no entity is an answer', 1]]) // prettier-ignore
    const hidden = { ...record, qas: [{ idx: 7, query: '@placeholder' }] }
    const [example] = (await read('record', put('r.jsonl', jsonl(hidden)), 'test')).examples
    assert.equal([example!.target, 'rights' in example!], [undefined, false])
    assert.match(
      await faultIn('record', put('x.jsonl', jsonl(hidden))),
      /expected a list of answers, got nothing\n.*, qas\.0\.answers/,
    )
    const beyond = { ...record, passage: { ...record.passage, entities: [{ start: 20, end: 24 }] } }
    assert.match(
      await faultIn('record', put('x.jsonl', jsonl(beyond))),
      /expected a place in the passage, got 20 to 24\n.*, passage\.entities\.0/,
    )
  })

  test('WiC: the word and the first sentence, then the second; a span in each', async () => {
    const [example] = (await read('wic', put('w.jsonl', jsonl(wic)))).examples
    const { first, second, spans } = example!.readings[0]!
    assert.equal([first, second, example!.target], ['bank: 🦀 The banks.', 'A bank', 1])
    assert.is(first.slice(spans![0].from, spans![0].to), 'banks')
    assert.is(second!.slice(spans![1].from, spans![1].to), 'bank')
    for (const [change, field] of [
      [{ end1: 13 }, 'start1'],
      [{ start2: 6 }, 'start2'],
    ] as const)
      // prettier-ignore
      assert.match(await faultIn('wic', put('x.jsonl', jsonl({ ...wic, ...change }))), new RegExp(`expected a place in its sentence, got \\d+ to \\d+\\n.*, ${field}`))
  })

  test('an index that comes twice is a fault in dev and test rows, none in training rows', async () => {
    const file = put('x.jsonl', jsonl({ ...nli, label: 'neutral' }, { ...nli, label: 'neutral' }))
    assert.match(await faultIn('cb', file), /expected each row once, got 4 again, as in line 1\n {2}at x\.jsonl:2/)
    assert.is((await read('cb', file, 'train')).examples.length, 2)
  })
})
