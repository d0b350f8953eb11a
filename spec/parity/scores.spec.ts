import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import {
  accuracy,
  averageRanks,
  exactGroups,
  f1,
  isExact,
  macroF1,
  matthews,
  pearson,
  spearman,
  tokenF1,
  wordsOf,
} from '../../training/scores'
import { describe } from '../harness'
import { pythonWith, run } from './python'

const program = fileURLToPath(new URL('scores.py', import.meta.url))
const cases = 1000

/** Both lists as long, at least `least` long, of some values each. */
const pairs = (value: fc.Arbitrary<number>, other: fc.Arbitrary<number>, least: number) =>
  fc
    .array(fc.tuple(value, other), { minLength: least, maxLength: 40 })
    .map((all) => ({ answered: all.map(([a]) => a), right: all.map(([, b]) => b) }))

const below = (n: number): fc.Arbitrary<number> => fc.nat(n - 1)

const classCases = fc
  .record({
    classes: fc.integer({ min: 2, max: 4 }),
    answers: fc.integer({ min: 1, max: 4 }),
    rights: fc.integer({ min: 1, max: 4 }),
  })
  .chain(({ classes, answers, rights }) =>
    pairs(below(Math.min(classes, answers)), below(Math.min(classes, rights)), 1).map((p) => ({
      kind: 'classes',
      classes,
      ...p,
    })),
  )

/** Few values, so that there are ties and constants; or many, large and small. */
const numbers = [
  fc.integer({ min: 0, max: 1 }).map((v) => v + 0.1),
  fc.integer({ min: 0, max: 20 }).map((v) => v / 4),
  fc.integer({ min: -8000, max: 8000 }).map((v) => v / 8),
  fc.integer({ min: 1, max: 9 }).map((v) => 1e6 + v),
  fc.constant(0.1),
]
const valueCases = fc
  .tuple(fc.constantFrom(...numbers), fc.constantFrom(...numbers))
  .chain(([a, b]) => pairs(a, b, 2))
  .map((p) => ({ kind: 'values', ...p }))

const groupCases = pairs(below(2), below(2), 1).chain((p) =>
  fc
    .array(below(5), { minLength: p.right.length, maxLength: p.right.length })
    .map((groups) => ({ kind: 'grouped', groups, ...p })),
)

const word = fc.constantFrom(
  'The',
  'a',
  'an',
  'U.S.',
  'New',
  'York',
  'new',
  "O'Neil",
  'éa',
  'a-b',
  'İzmir',
  'ΣΑΣ',
  '…',
  '!',
  '\u2028',
  '\x1c',
  '\ufeff',
  '_a',
  '中a',
)
const text = fc.array(fc.tuple(word, fc.constantFrom(' ', '  ', '\t', ''))).map((all) => all.flat().join(''))
const textCases = fc
  .record({ answered: text, right: fc.array(text, { minLength: 1, maxLength: 3 }) })
  .map((p) => ({ kind: 'texts', ...p }))

/** What is asked of each kind, and all of it at once: starting Python takes longer than its answers. */
const questions = {
  classes: fc.sample(classCases, { numRuns: cases, seed: 12 }),
  values: fc.sample(valueCases, { numRuns: cases, seed: 13 }),
  grouped: fc.sample(groupCases, { numRuns: cases, seed: 14 }),
  texts: fc.sample(textCases, { numRuns: cases, seed: 15 }),
}
type Kind = keyof typeof questions
type Figures = readonly (number | null)[]

let answers: Promise<readonly Figures[] | null> | undefined

/** Figures of a kind's cases by Python; null where it has not what it takes. */
const byPython = async (kind: Kind): Promise<readonly Figures[] | null> => {
  answers ??= pythonWith('sklearn', 'scipy').then(async (python) => {
    if (python === null) return null
    const { code, stdout, stderr } = await run(python, [program], JSON.stringify(Object.values(questions).flat()))
    if (code !== 0) throw new Error(`scores.py ended with ${String(code)}:\n${stderr}`)
    return JSON.parse(stdout) as readonly Figures[]
  })
  const from = cases * Object.keys(questions).indexOf(kind)
  return (await answers)?.slice(from, from + cases) ?? null
}

const compare = async <K extends Kind>(
  kind: K,
  ours: (q: (typeof questions)[K][number]) => readonly number[],
  degenerate: (want: Figures) => boolean,
): Promise<void> => {
  const wanted = await byPython(kind)
  if (wanted === null) return
  assert.is(wanted.length, cases)
  for (const [i, want] of wanted.entries()) {
    const question = questions[kind][i]!
    const got = ours(question)
    assert.is(got.length, want.length)
    for (const [k, w] of want.entries())
      assert.ok(
        w === null ? Number.isNaN(got[k]) : Math.abs(got[k]! - w) <= 1e-9,
        `figure ${k} of ${JSON.stringify(question)}: got ${got[k]}, want ${w}`,
      )
  }
  const share = wanted.filter(degenerate).length / cases
  assert.ok(share > 0.02 && share < 0.9, `${share} of the cases are degenerate`)
}

describe('parity/scores: the figures of scikit-learn and scipy on drawn cases', (test) => {
  test('accuracy, F1 of a class and over all, Matthews of two classes and more', () =>
    compare(
      'classes',
      ({ answered, right, classes }) => [
        accuracy(answered, right),
        f1(answered, right),
        macroF1(
          answered,
          right,
          Array.from({ length: classes }, (_, c) => c),
        ),
        matthews(answered, right),
      ],
      ([, positive, , correlation]) => positive === 0 || correlation === 0,
    ))

  test('Pearson and Spearman with ties and constants', () =>
    compare(
      'values',
      ({ answered, right }) => [pearson(answered, right), spearman(answered, right), ...averageRanks(answered)],
      ([correlation]) => correlation === null,
    ))

  test("MultiRC's F1 over answers and exact questions", () =>
    compare(
      'grouped',
      ({ answered, right, groups }) => [f1(answered, right), exactGroups(answered, right, groups.map(String))],
      ([overAnswers]) => overAnswers === 0,
    ))

  test("ReCoRD's word F1 and exact match, with Python's words, punctuation and articles", () =>
    compare(
      'texts',
      ({ answered, right }) => [tokenF1(answered, right), Number(isExact(answered, right)), wordsOf(answered).length],
      ([overlap]) => overlap === 0,
    ))
})
