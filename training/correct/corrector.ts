import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import type { Device } from '../../kernels'
import { parameterAvals, type PairConfig, type PairParams } from '../../models'
import type { Tokenizer } from '../data/tokenizer/tokenizer'
import { pairReading, type ObjectiveTraits } from '../objectives'
import { idRows } from '../id-rows'
import { prepare, uploadAll, type RunFault, type Values } from '../runner'
import { holes } from '../step'
import { correctProgram, isDetecting } from './program'

/** One token of a text, as the main model sees it. */
export interface TokenVerdict {
  readonly id: number
  readonly text: string
  /** Probability that this token is not the original. */
  readonly replaced: number
  /** What the corrective language model would put here. */
  readonly best: string
  readonly bestId: number
  readonly isCorrected: boolean
}
export interface Correction {
  readonly text: string
  readonly tokens: readonly TokenVerdict[]
  readonly corrected: string
}

export interface Corrector {
  /** Parameters by name `params/*`; they stay the caller's. */
  readonly correct: (params: Values, texts: readonly string[]) => TE.TaskEither<RunFault, readonly Correction[]>
  /** Rows of at most `seq` tokens, [CLS] first. */
  readonly correctIds: (params: Values, rows: readonly Int32Array[]) => TE.TaskEither<RunFault, readonly Correction[]>
  readonly dispose: () => void
}

export interface CorrectorSpec {
  readonly device: Device
  readonly config: PairConfig
  readonly tokenizer: Tokenizer
  readonly batch: number
  readonly seq: number
  /** Of the objective that trained the pair; by default the pair's own heads are read. */
  readonly traits?: ObjectiveTraits
  /** Tokens that are likelier replaced than this are corrected; default 0.5. */
  readonly threshold?: number
}

/** A compiled corrector: texts of any length are cut into rows of `seq` tokens, the first of each being [CLS]. */
export const openCorrector =
  (spec: CorrectorSpec): TE.TaskEither<RunFault, Corrector> =>
  async () => {
    const { device, config, batch, seq, traits = {} } = spec
    const reading = traits.reading ?? pairReading
    if (!isDetecting(reading)) throw new Error('internal: a corrector of a pair whose main model was not trained')
    const avals = parameterAvals(config, traits.heads)
    const runner = await prepare(device, () =>
      correctProgram(
        config,
        holes('params', avals) as PairParams,
        batch,
        seq,
        Object.values(spec.tokenizer.specials),
        reading,
      ),
    )()
    if (E.isLeft(runner)) return runner
    const correctIds: Corrector['correctIds'] = (params, rows) => async () => {
      const done: Correction[] = []
      for (let from = 0; from < rows.length; from += batch) {
        const part = rows.slice(from, from + batch)
        const values = await uploadAll(device, idRows(part, batch, seq))()
        if (E.isLeft(values)) return values
        const out = await runner.right.run(new Map([...params, ...values.right]))()
        if (E.isLeft(out)) return out
        const replaced = await device.read(out.right.get('replaced')!)()
        const best = await device.read(out.right.get('best')!)()
        device.free([...out.right.values()])
        if (E.isLeft(replaced)) return replaced
        if (E.isLeft(best)) return best
        part.forEach((ids, b) =>
          done.push(
            verdict(
              spec,
              ids,
              replaced.right.subarray(b * seq, b * seq + ids.length),
              best.right.subarray(b * seq, b * seq + ids.length),
            ),
          ),
        )
      }
      return E.right(done)
    }
    return E.right({
      correctIds,
      correct: (params, texts) => async () => {
        const pieces = texts.map((text) => rowsOf(spec, text))
        const rows = await correctIds(params, pieces.flat())()
        if (E.isLeft(rows)) return rows
        let at = 0
        return E.right(texts.map((text, i) => joined(spec, text, rows.right.slice(at, (at += pieces[i]!.length)))))
      },
      dispose: runner.right.dispose,
    })
  }

const rowsOf = ({ tokenizer, seq }: CorrectorSpec, text: string): readonly Int32Array[] => {
  const ids = tokenizer.encode(text)
  const rows: Int32Array[] = []
  for (let at = 0; at < Math.max(1, ids.length); at += seq - 1)
    rows.push(Int32Array.of(tokenizer.specials.cls!, ...ids.subarray(at, at + seq - 1)))
  return rows
}

/** The verdict of one row; [CLS], [SEP] and other special tokens are never corrected, nor proposed. */
const verdict = (
  spec: CorrectorSpec,
  ids: Int32Array,
  replaced: ArrayLike<number>,
  best: ArrayLike<number>,
): Correction => {
  const { tokenizer, threshold = 0.5 } = spec
  const tokens: TokenVerdict[] = []
  const fixed: number[] = []
  const kept: number[] = []
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i]!
    if (tokenizer.isSpecial(id)) continue
    const proposal = best[i]!
    const isCorrected = replaced[i]! > threshold && proposal !== id && !tokenizer.isSpecial(proposal)
    fixed.push(isCorrected ? proposal : id)
    kept.push(id)
    tokens.push({
      id,
      text: tokenizer.tokenText(id),
      replaced: replaced[i]!,
      best: tokenizer.tokenText(proposal),
      bestId: proposal,
      isCorrected,
    })
  }
  return { text: tokenizer.decode(kept), tokens, corrected: tokenizer.decode(fixed) }
}

const joined = (spec: CorrectorSpec, text: string, rows: readonly Correction[]): Correction => ({
  text,
  tokens: rows.flatMap((r) => r.tokens),
  corrected: spec.tokenizer.decode(rows.flatMap((r) => r.tokens.map((t) => (t.isCorrected ? t.bestId : t.id)))),
})
