import * as E from 'fp-ts/Either'
import { uniform } from '../data/draw'
import type { Example, Reading } from '../tasks'

/** Noise in a text: what a robust model should shrug off. */
export interface Perturbation {
  /** Share of the words that are mistyped: two letters swapped, one left out, doubled, or hit beside. */
  readonly typo: number
  /** Share of the words that are missing. */
  readonly drop: number
  readonly seed: number
}

const keys = ['typo', 'drop', 'seed'] as const

/** `typo=0.1,drop=0.1,seed=1`; what is not given is 0, the seed 1. left  what was expected */
export const parsePerturbation = (text: string): E.Either<string, Perturbation> => {
  const expected = 'typo=SHARE,drop=SHARE,seed=K, each of them once or not at all, one share above 0'
  const given: Record<string, number> = {}
  for (const setting of text.split(',')) {
    const [key = '', value = '', ...more] = setting.split('=')
    const x = value.trim() === '' ? NaN : Number(value)
    if (!keys.some((k) => k === key) || key in given || more.length > 0) return E.left(expected)
    const isRight = key === 'seed' ? Number.isInteger(x) && x >= 0 && x < 2 ** 32 : x >= 0 && x < 1
    if (!isRight) return E.left(expected)
    given[key] = x
  }
  const { typo = 0, drop = 0, seed = 1 } = given
  return typo + drop > 0 ? E.right({ typo, drop, seed }) : E.left(expected)
}

/** An example with noise in its texts: a function of the seed and its place alone. A text keeps one word at least. */
export const perturbed = (perturbation: Perturbation, example: Example, place: number): Example => {
  const draws = drawsOf(perturbation.seed, place)
  return { ...example, readings: example.readings.map((r) => perturbedReading(perturbation, r, draws)) }
}

type Draws = () => number

const drawsOf = (seed: number, place: number): Draws => {
  let i = 0
  return () => uniform(seed, 'perturb', place, i++)
}

const perturbedReading = (perturbation: Perturbation, { first, second }: Reading, draws: Draws): Reading => ({
  first: perturbedText(perturbation, first, draws),
  ...(second === undefined ? {} : { second: perturbedText(perturbation, second, draws) }),
})

const perturbedText = ({ typo, drop }: Perturbation, text: string, draws: Draws): string => {
  const words = text.split(/\s+/).filter((word) => word !== '')
  const kept = words.map((word) => ({ word, isGone: draws() < drop, isMistyped: draws() < typo }))
  const left = kept.some(({ isGone }) => !isGone) ? kept.filter(({ isGone }) => !isGone) : kept.slice(0, 1)
  return left.map(({ word, isMistyped }) => (isMistyped ? mistyped(word, draws) : word)).join(' ')
}

/** Rows of a keyboard: letters that lie side by side are hit for one another. */
const rows = ['qwertyuiop', 'asdfghjkl', 'zxcvbnm']

/** One slip in the letters of a word; a word of fewer than two letters stays. */
const mistyped = (word: string, draws: Draws): string => {
  const letters = Array.from(word).flatMap((c, i) => (/[a-z]/i.test(c) ? [i] : []))
  const [kind, where] = [Math.floor(draws() * 4), draws()]
  if (letters.length < 2) return word
  const chars = Array.from(word)
  const at = letters[Math.floor(where * (letters.length - (kind === 0 ? 1 : 0)))]!
  if (kind === 0) [chars[at], chars[at + 1]] = [chars[at + 1]!, chars[at]!]
  else if (kind === 1) chars.splice(at, 1)
  else if (kind === 2) chars.splice(at, 0, chars[at]!)
  else chars[at] = beside(chars[at]!, draws())
  return chars.join('')
}

const beside = (letter: string, draw: number): string => {
  const row = rows.find((r) => r.includes(letter.toLowerCase()))!
  const i = row.indexOf(letter.toLowerCase())
  const near = [row[i - 1], row[i + 1]].filter((c) => c !== undefined)
  const hit = near[Math.floor(draw * near.length)]!
  return letter === letter.toLowerCase() ? hit : hit.toUpperCase()
}
