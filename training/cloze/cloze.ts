import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import type { Aval } from '../../core'
import type { Device, HostArray } from '../../kernels'
import { parameterAvals, type PairConfig, type PairParams } from '../../models'
import type { Tokenizer } from '../data/tokenizer/tokenizer'
import type { ObjectiveTraits } from '../objectives'
import { idRows } from '../id-rows'
import { prepare, uploadAll, type Runner, type RunFault, type Values } from '../runner'
import { holes } from '../step'
import { clozeProgram, type ClozeModel } from './program'
import { gapped, type Gapped } from './gaps'

export interface Candidate {
  readonly id: number
  readonly text: string
  readonly probability: number
}
/** A word for a gap, by the mean of ln p of its tokens; `probability` among the words that were asked for. */
export interface Choice {
  readonly text: string
  readonly tokens: number
  readonly logProbability: number
  readonly probability: number
}

export interface Cloze {
  /** The likeliest `top` tokens for each [MASK] of a text, the likeliest first. */
  readonly fill: (
    params: Values,
    text: Gapped,
    top: number,
  ) => TE.TaskEither<RunFault, readonly (readonly Candidate[])[]>
  /** Words for the one [MASK] of a text, the likeliest first. */
  readonly choose: (
    params: Values,
    text: Gapped,
    words: readonly string[],
  ) => TE.TaskEither<RunFault, readonly Choice[]>
  readonly dispose: () => void
}

export interface ClozeSpec {
  readonly device: Device
  readonly config: PairConfig
  readonly tokenizer: Tokenizer
  /** Of the objective that trained the pair; by default the pair's own heads are read. */
  readonly traits?: ObjectiveTraits
  /** Rows that are computed at once. */
  readonly batch: number
  readonly model: ClozeModel
  /** Of the auxiliary's likeliest tokens, how many the main model is shown in turn. Default 8. */
  readonly fills?: number
}

/** A row of ids, and the place in it that is asked for. */
interface Question {
  readonly ids: Int32Array
  readonly place: number
}
type Answers = E.Either<RunFault, readonly Float32Array[]>

/**
 * Asks a pair for what is missing. The auxiliary answers at [MASK] itself. The main model never saw a [MASK] in training but what the
 * auxiliary drew in its place: it is shown the auxiliary's likeliest tokens one by one, and what it says of the place is weighed by their
 * probabilities, p(x) = Σ_c p_aux(c) p_main(x | c). In the other gaps stands the auxiliary's first choice. A main model that was trained
 * without an auxiliary answers at [MASK] itself.
 */
export const openCloze =
  (spec: ClozeSpec): TE.TaskEither<RunFault, Cloze> =>
  async () => {
    const { device, config, tokenizer, model } = spec
    const runners = new Map<ClozeModel, Runner>()
    const dispose = (): void => runners.forEach((r) => r.dispose())
    const isAlone = model === 'aux' || spec.traits?.reading?.isAlone === true
    for (const which of isAlone ? [model] : (['aux', 'main'] as const)) {
      const specials = Object.values(tokenizer.specials)
      const runner = await prepare(device, () => {
        const params = holes('params', parameterAvals(config, spec.traits?.heads)) as PairParams
        return clozeProgram(which, config, params, spec.batch, config.maxLength, specials, spec.traits?.reading)
      })()
      if (E.isLeft(runner)) {
        dispose()
        return runner
      }
      runners.set(which, runner.right)
    }
    const ask = (which: ClozeModel, params: Values, questions: readonly Question[]): Promise<Answers> =>
      answers(spec, runners.get(which)!, params, questions)
    /** ln p of every token at each gap. */
    const distributions = async (params: Values, { ids, gaps }: Gapped): Promise<Answers> => {
      const first = await ask(
        isAlone ? model : 'aux',
        params,
        gaps.map((place) => ({ ids, place })),
      )
      if (E.isLeft(first) || isAlone) return first
      const filled = ids.slice()
      gaps.forEach((place, g) => (filled[place] = likeliest(first.right[g]!, 1)[0]!))
      const shown = first.right.map((p) => likeliest(p, spec.fills ?? 8))
      const questions = gaps.flatMap((place, g) =>
        shown[g]!.map((id) => {
          const row = filled.slice()
          row[place] = id
          return { ids: row, place }
        }),
      )
      const said = await ask('main', params, questions)
      if (E.isLeft(said)) return said
      let at = 0
      return E.right(
        shown.map((fills, g) => {
          const weights = fills.map((id) => first.right[g]![id]!)
          return weighed(weights, said.right.slice(at, (at += fills.length)))
        }),
      )
    }
    return E.right({
      dispose,
      fill: (params, text, top) => async () => {
        const found = await distributions(params, text)
        if (E.isLeft(found)) return found
        return E.right(
          found.right.map((p) =>
            likeliest(p, top).map((id) => ({ id, text: tokenizer.tokenText(id), probability: Math.exp(p[id]!) })),
          ),
        )
      },
      choose: (params, text, words) => async () => {
        const scored: (readonly [string, number, number])[] = []
        for (const word of words) {
          const ids = text.idsOf(word)
          const found = await distributions(params, gapped.widened(text, ids.length))
          if (E.isLeft(found)) return found
          const sum = found.right.reduce((s, p, i) => s + p[ids[i]!]!, 0)
          scored.push([word, ids.length, sum / ids.length])
        }
        const most = Math.max(...scored.map(([, , x]) => x))
        const total = scored.reduce((s, [, , x]) => s + Math.exp(x - most), 0)
        return E.right(
          scored
            .map(([word, tokens, logProbability]): Choice => ({
              text: word,
              tokens,
              logProbability,
              probability: Math.exp(logProbability - most) / total,
            }))
            .sort((a, b) => b.probability - a.probability),
        )
      },
    })
  }

const answers = async (
  { device, batch, config }: ClozeSpec,
  runner: Runner,
  params: Values,
  questions: readonly Question[],
): Promise<Answers> => {
  const done: Float32Array[] = []
  for (let from = 0; from < questions.length; from += batch) {
    const part = questions.slice(from, from + batch)
    const values = await uploadAll(device, arraysOf(part, batch, config.maxLength))()
    if (E.isLeft(values)) return values
    const out = await runner.run(new Map([...params, ...values.right]))()
    if (E.isLeft(out)) return out
    const read = await device.read(out.right.get('logProbabilities')!)()
    device.free([...out.right.values()])
    if (E.isLeft(read)) return read
    part.forEach((_, b) => done.push(Float32Array.from(read.right.subarray(b * config.vocab, (b + 1) * config.vocab))))
  }
  return E.right(done)
}

const arraysOf = (
  questions: readonly Question[],
  B: number,
  T: number,
): readonly (readonly [string, HostArray, Aval])[] => {
  const place = new Int32Array(B)
  questions.forEach((q, b) => (place[b] = q.place))
  const rows = idRows(
    questions.map((q) => q.ids),
    B,
    T,
  )
  return [...rows, ['place', place, { dtype: 'i32', shape: [B, 1] }]]
}

/** Ids of the greatest `n`, the greatest first; of equal ones the lower id. */
const likeliest = (p: Float32Array, n: number): readonly number[] =>
  Array.from(p.keys())
    .sort((a, b) => p[b]! - p[a]! || a - b)
    .slice(0, n)

/** ln Σ w p from ln w (up to a factor) and ln p. */
const weighed = (logWeights: readonly number[], logs: readonly Float32Array[]): Float32Array => {
  const most = Math.max(...logWeights)
  const weights = logWeights.map((w) => Math.exp(w - most))
  const total = weights.reduce((s, w) => s + w, 0)
  return Float32Array.from(logs[0]!.keys(), (id) =>
    Math.log(logs.reduce((s, p, c) => s + (weights[c]! / total) * Math.exp(p[id]!), 0)),
  )
}
