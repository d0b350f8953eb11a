import * as E from 'fp-ts/Either'
import * as assert from 'uvu/assert'
import { ablationSvg, decideAblation, showSpread, spreadOf, summarize, tableOf } from '../../../training'
import { showFault } from '../../../training/fault'
import { describe } from '../../harness'

const runs = new Map([
  [
    'one',
    new Map([
      [1, { mlm: 4, auc: 0.5 }],
      [2, { mlm: 6, auc: 0.7 }],
      [3, { mlm: 5, auc: 0.6 }],
    ]),
  ],
  [
    'other',
    new Map([
      [1, { auc: 0.6 }],
      [2, { auc: 0.9 }],
      [3, { auc: 0.75 }],
    ]),
  ],
])

describe('training/ablate: summary', (test) => {
  test('mean and sample deviation over seeds, by hand; of one value there is none', () => {
    assert.equal(spreadOf([4, 6, 5]), { values: [4, 6, 5], mean: 5, deviation: 1 })
    assert.equal(spreadOf([4]), { values: [4], mean: 4, deviation: undefined })
    assert.is(showSpread(spreadOf([4, 6, 5])), '5.000 ± 1.000')
    assert.is(showSpread(undefined), '-')
  })

  test('differences are taken seed by seed: less spread than either has', () => {
    const [one, other] = summarize(runs)
    assert.equal(one!.differences['auc']!.values, [0, 0, 0])
    const { mean, deviation } = other!.differences['auc']!
    assert.ok(Math.abs(mean - 0.15) < 1e-12 && Math.abs(deviation! - 0.05) < 1e-12)
    assert.is(other!.differences['mlm'], undefined)
    assert.is(other!.figures['mlm'], undefined)
  })

  test('the table: a row a variant, a dash where a variant has no such figure', () => {
    assert.is(
      tableOf(summarize(runs)),
      [
        '| variant | mlm           | auc           |',
        '| ------- | ------------- | ------------- |',
        '| one     | 5.000 ± 1.000 | 0.600 ± 0.100 |',
        '| other   | -             | 0.750 ± 0.150 |',
      ].join('\n'),
    )
  })

  test('the plot: a dot a run, a bar a variant, names escaped', () => {
    const svg = ablationSvg(summarize(new Map([...runs, ['<third>', new Map([[1, { auc: 0.5 }]])]])), 'title')
    assert.is(svg.match(/<circle /g)!.length, 3 + 6 + 1)
    assert.ok(svg.includes('&lt;third&gt;') && !svg.includes('<third>'))
    assert.not.match(svg, /NaN|undefined|Infinity/)
  })
})

describe('training/ablate: plan', (test) => {
  const base = { corpus: ['a.txt'], steps: 10, batch: 4, seq: 16, vocab: 300 }
  const decide = (
    variants: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
    seeds: readonly number[] = [1, 2],
  ) => decideAblation({ variants, base, seeds, out: 'there', probe: undefined }, 'f.json')
  const faultsOf = (...args: Parameters<typeof decide>): string => {
    const result = decide(...args)
    if (E.isRight(result)) throw new Error('accepted')
    return result.left.map(showFault).join('\n')
  }

  test('each variant under each seed, in a folder of its own', () => {
    const plan = decide({ a: {}, b: { positions: 'absolute' } })
    if (E.isLeft(plan)) throw new Error(JSON.stringify(plan.left))
    assert.is(plan.right.tokens, 640)
    assert.equal(
      plan.right.variants.flatMap(({ configs }) => [...configs].map(([seed, c]) => [seed, c.seed, c.out, c.positions])),
      [
        [1, 1, 'there/a/seed-1', 'relative'],
        [2, 2, 'there/a/seed-2', 'relative'],
        [1, 1, 'there/b/seed-1', 'absolute'],
        [2, 2, 'there/b/seed-2', 'absolute'],
      ],
    )
  })

  test('what a corpus has decided is what its variants train on: their length, their tokens; other settings are refused', () => {
    const [short, long] = [
      { seq: 16, vocab: 300 },
      { seq: 32, vocab: 500 },
    ]
    const on = (variants: Readonly<Record<string, Readonly<Record<string, unknown>>>>, base = {}) =>
      decideAblation(
        {
          variants,
          base: { corpus: ['shards'], steps: 10, batch: 4, ...base },
          seeds: [1],
          out: 'there',
          probe: undefined,
          corpora: new Map(Object.keys(variants).map((name) => [name, name.startsWith('long') ? long : short])),
        },
        'f.json',
      )
    const same = on({ short: {}, long: { batch: 2 } })
    if (E.isLeft(same)) throw new Error(JSON.stringify(same.left))
    assert.is(same.right.tokens, 640)
    assert.equal(
      same.right.variants.map(({ configs }) => [configs.get(1)!.seq, configs.get(1)!.vocab]),
      [
        [16, 300],
        [32, 500],
      ],
    )
    const faults = (either: ReturnType<typeof on>): string =>
      E.isLeft(either) ? either.left.map(showFault).join() : ''
    assert.match(faults(on({ short: {}, long: {} })), /variants\.long: expected .* = 640 tokens.*, got 1280/)
    assert.match(
      faults(on({ short: {}, long: {} }, { seq: 16 })),
      /variants\.long\.seq: expected 32, as its corpus has, got 16/,
    )
    assert.match(
      faults(on({ short: { vocab: 301 } })),
      /variants\.short\.vocab: expected 300, as its corpus has, got 301/,
    )
  })

  test('other numbers of tokens, unknown settings, a seed in a variant, a name that is no folder: refused, all at once', () => {
    assert.match(
      faultsOf({ a: {}, b: { steps: 20 } }),
      /variants\.b: expected steps x batch x seq = 640 tokens, as a has.*, got 1280/,
    )
    assert.ok(E.isRight(decide({ a: {}, b: { steps: 20, batch: 2 } })))
    const many = faultsOf({ a: { lr: -1 }, b: { nothing: 1, seed: 3 }, '../c': {} })
    assert.match(many, /variants\.a\.lr: expected a number > 0, got -1/)
    assert.match(many, /unknown key "nothing"/)
    assert.match(many, /variants\.b\.seed: expected no seed: the ablation sets it/)
    assert.match(many, /variants\.\.\.\/c: expected a name of letters/)
    assert.match(faultsOf({}), /variants: expected at least one, got none/)
    assert.match(faultsOf({ a: {} }, [1, 1]), /seeds: expected one or more, each once, got \[1,1\]/)
  })
})
