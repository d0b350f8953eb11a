import type { Aval, Expr } from '../../core'
import { ascendingOrder } from '../data/batch'
import { uniform } from '../data/draw'
import type { HeadForm } from '../tasks'
import type { EncodedExample, EncodedReading } from './encode'

/**
 * A batch as a task's loss sees it: B examples of C readings each, R = B·C rows of T tokens. C is 1 but for choices and rankings. An
 * example that is not there has weight 0 and rows of one token.
 */
export type TaskInputs = {
  readonly ids: Expr // i32[R, T]
  readonly lengths: Expr // i32[R], tokens of a row
  readonly tokenOrder: Expr // i32[R*T], places of `ids`, flattened, in ascending order of id
  readonly segments: Expr // i32[R, T]: 0 specials and padding, 1 the first text, 2 the second
  readonly spans: Expr // i32[R, 4], places of two spans; 0, 1, 0, 1 where there are none
  readonly choices: Expr // f32[B, C], 1 for a reading that is there
  readonly targets: Expr // f32[B], a class or choice by number, or a value
  readonly weights: Expr // f32[B], 1 or 0
  readonly count: Expr // f32[], Σ weights of the whole batch: of all micro-batches
  readonly exampleLo: Expr // i32[R], low 16 bits of the row's number in the run
  readonly exampleHi: Expr // i32[R], high 16 bits
}

/** The same on the host. */
export type TaskBatch = {
  readonly [K in keyof TaskInputs]: K extends 'choices' | 'targets' | 'weights' | 'count' ? Float32Array : Int32Array
}

export interface TaskShape {
  readonly examples: number // B
  readonly readings: number // C
  readonly length: number // T
}

export const taskAvals = ({
  examples: B,
  readings: C,
  length: T,
}: TaskShape): { readonly [K in keyof TaskInputs]: Aval } => {
  const ids = (...shape: readonly number[]): Aval => ({ dtype: 'i32', shape })
  const real = (...shape: readonly number[]): Aval => ({ dtype: 'f32', shape })
  const R = B * C
  return {
    ids: ids(R, T),
    lengths: ids(R),
    tokenOrder: ids(R * T),
    segments: ids(R, T),
    spans: ids(R, 4),
    choices: real(B, C),
    targets: real(B),
    weights: real(B),
    count: real(),
    exampleLo: ids(R),
    exampleHi: ids(R),
  }
}

/** Readings of an example that a training step holds against each other. */
export const readingsOf = (head: HeadForm, candidates: number): number =>
  head.kind === 'choice' ? head.choices : head.kind === 'ranking' ? candidates : 1

/** An example as a step takes it: its readings, and the target among them. */
export interface Posed {
  readonly readings: readonly EncodedReading[]
  readonly target: number
}

/**
 * A ranking as a step takes it: one right reading and wrong ones, `candidates` at most, drawn anew for every number of an example in the
 * run; the right one first. Other examples as they are. `target` is divided by the scale of a regression.
 */
export const pose = (
  head: HeadForm,
  example: EncodedExample,
  candidates: number,
  seed: number,
  number: number,
): Posed => {
  const { readings, target = 0, rights = [target] } = example
  if (head.kind === 'regression') return { readings, target: target / head.scale }
  if (head.kind !== 'ranking') return { readings, target }
  const right = rights[Math.floor(uniform(seed, 'shuffle', number, 0) * rights.length)]!
  const wrong = readings.map((_, i) => i).filter((i) => !rights.includes(i))
  for (let i = 0; i < Math.min(candidates - 1, wrong.length); i += 1) {
    const j = i + Math.floor(uniform(seed, 'shuffle', number, i + 1) * (wrong.length - i))
    ;[wrong[i], wrong[j]] = [wrong[j]!, wrong[i]!]
  }
  return { readings: [right, ...wrong.slice(0, candidates - 1)].map((i) => readings[i]!), target: 0 }
}

/**
 * Rows `from` to `to` of a step's examples as a batch of a shape; `first` is the number in the run of the step's first example, and of its
 * readings in turn.
 */
export const taskBatch = (
  posed: readonly Posed[],
  { examples: B, readings: C, length: T }: TaskShape,
  { vocab, first, from = 0 }: { readonly vocab: number; readonly first: number; readonly from?: number },
): TaskBatch => {
  const R = B * C
  const out = {
    ids: new Int32Array(R * T),
    lengths: new Int32Array(R).fill(1),
    segments: new Int32Array(R * T),
    spans: Int32Array.from({ length: 4 * R }, (_, i) => i % 2),
    choices: new Float32Array(B * C),
    targets: new Float32Array(B),
    weights: new Float32Array(B),
    exampleLo: new Int32Array(R),
    exampleHi: new Int32Array(R),
  }
  for (let b = 0; b < B; b += 1) {
    const example = posed[from + b]
    for (let c = 0; c < C; c += 1) {
      const number = (first + from + b) * C + c
      out.exampleLo[b * C + c] = number & 0xffff
      out.exampleHi[b * C + c] = (number >>> 16) & 0xffff
    }
    if (example === undefined) continue
    out.targets[b] = example.target
    out.weights[b] = 1
    example.readings.forEach(({ ids, segments, spans }, c) => {
      const r = b * C + c
      out.ids.set(ids, r * T)
      out.segments.set(segments, r * T)
      out.lengths[r] = ids.length
      out.choices[r] = 1
      if (spans !== undefined) out.spans.set(spans, 4 * r)
    })
  }
  return { ...out, tokenOrder: ascendingOrder(out.ids, vocab), count: Float32Array.of(posed.length) }
}
