import { permuted } from '../data/draw'
import type { Answer, HeadForm, Scores } from '../tasks'
import { isChosen } from './task-loss'
import type { EncodedExample, EncodedReading } from './encode'

/** What is reached on a task's dev rows without a model. */
export interface Baselines {
  readonly majority: Scores
  readonly bagOfWords: Scores
}

/**
 * Answers without looking at the text: the most frequent class or choice of the training rows, or the mean of their values. Of a ranking,
 * the first choice.
 */
export const majorityAnswers = (
  head: HeadForm,
  train: readonly EncodedExample[],
  asked: readonly EncodedExample[],
): readonly Answer[] => {
  const targets = train.map(({ target = 0 }) => target)
  const value =
    head.kind === 'regression'
      ? targets.reduce((a, b) => a + b, 0) / targets.length
      : head.kind === 'ranking'
        ? 0
        : commonest(targets)
  return asked.map(() => ({ value, scores: [value] }))
}

const commonest = (targets: readonly number[]): number => {
  const counts = new Map<number, number>()
  for (const t of targets) counts.set(t, (counts.get(t) ?? 0) + 1)
  return [...counts].sort(([a, n], [b, m]) => m - n || a - b)[0]![0]
}

/** Passes over the training rows, rate and ridge of the linear model: converged on the small tasks, plenty on the large. ours */
const passes = 10
const rate = 0.3
const ridge = 1e-5

/**
 * Answers of a linear model that sees which tokens the first text has, which the second, and which both: logistic regression (of values,
 * least squares; of choices, a softmax over their scores), fitted by AdaGrad (Duchi et al. 2011) in an order of its own. Deterministic.
 */
export const bagOfWordsAnswers = (
  head: HeadForm,
  vocab: number,
  train: readonly EncodedExample[],
  asked: readonly EncodedExample[],
): readonly Answer[] => {
  const N = 'labels' in head ? head.labels.length : 1
  const size = (3 * vocab + 1) * N
  const [w, seen] = [new Float64Array(size), new Float64Array(size).fill(1e-8)]
  const bags = train.map(({ readings }) => readings.map((r) => bagOf(r, vocab)))
  for (let pass = 0; pass < passes; pass += 1)
    for (let i = 0; i < train.length; i += 1) {
      const at = permuted(1, pass, train.length, i)
      const own = bags[at]!
      const scores = own.flatMap((bag) => scoresOf(bag, w, N))
      slopesOf(head, scores, train[at]!).forEach((g, j) => {
        const [bag, n] = isChosen(head) ? [own[j]!, 0] : [own[0]!, j]
        for (const feature of bag.features) {
          const k = feature * N + n
          const slope = g * bag.weight + ridge * w[k]!
          seen[k]! += slope * slope
          w[k]! -= (rate * slope) / Math.sqrt(seen[k]!)
        }
      })
    }
  return asked.map(({ readings }) => {
    const scores = readings.flatMap((r) => scoresOf(bagOf(r, vocab), w, N))
    if (head.kind === 'regression') return { value: scores[0]! * head.scale, scores: [scores[0]! * head.scale] }
    return { value: scores.indexOf(Math.max(...scores)), scores }
  })
}

/** Features that are there, each of one weight: a bag has length 1. */
interface Bag {
  readonly features: readonly number[]
  readonly weight: number
}

const bagOf = ({ ids, segments }: EncodedReading, vocab: number): Bag => {
  const texts = [new Set<number>(), new Set<number>()] as const
  ids.forEach((id, t) => segments[t]! > 0 && texts[segments[t]! - 1]!.add(id))
  const [first, second] = texts
  const both = [...first].filter((id) => second.has(id))
  const features = [...first, ...[...second].map((id) => vocab + id), ...both.map((id) => 2 * vocab + id), 3 * vocab]
  return { features, weight: 1 / Math.sqrt(features.length) }
}

const scoresOf = ({ features, weight }: Bag, w: Float64Array, N: number): number[] =>
  Array.from({ length: N }, (_, n) => features.reduce((sum, f) => sum + w[f * N + n]!, 0) * weight)

/** Derivatives of an example's loss by its scores. */
const slopesOf = (
  head: HeadForm,
  scores: readonly number[],
  { target = 0, rights = [target] }: EncodedExample,
): readonly number[] => {
  if (head.kind === 'regression') return [scores[0]! - target / head.scale]
  const most = Math.max(...scores)
  const e = scores.map((s) => Math.exp(s - most))
  const total = e.reduce((a, b) => a + b, 0)
  return e.map((x, i) => x / total - (rights.includes(i) ? 1 / rights.length : 0))
}
