import { corruptRow, type BigramModel } from '../data/corrupt-fixed'
import { unitsOf } from '../data/pack'
import type { Document } from '../data/read-text'
import type { Tokenizer } from '../data/tokenizer/tokenizer'

/** A held-out sentence with some tokens replaced, to be corrected before and after training. */
export interface Specimen {
  readonly original: string
  readonly ids: Int32Array // i32[n], [CLS] first
  readonly replaced: readonly boolean[] // of the n - 1 tokens after [CLS]
}

/**
 * `count` sentences of 40 to 160 characters from held-out text, spread over it, each corrupted as the fixed corruption does
 * (corrupt-fixed.ts). Fewer where the text has fewer.
 */
export const specimens = (
  documents: readonly Document[],
  tokenizer: Tokenizer,
  model: BigramModel,
  { count, seed, longest }: { readonly count: number; readonly seed: number; readonly longest: number },
): readonly Specimen[] => {
  const sentences = documents.flatMap(({ text }) =>
    unitsOf(text).flatMap((unit) => (unit.match(/[A-Z][^.!?]*[.!?]/g) ?? []).filter(isHandy)),
  )
  const stride = Math.max(1, Math.floor(sentences.length / count))
  const chosen: Specimen[] = []
  for (let i = stride >> 1; i < sentences.length && chosen.length < count; i += stride) {
    const original = sentences[i]!
    const row = Int32Array.of(tokenizer.specials.cls!, ...tokenizer.encode(original))
    if (row.length > longest) continue
    const { tokens, labels } = corruptRow(model, row, { seed, rate: 0.15 }, i)
    if (labels.includes(1))
      chosen.push({ original, ids: tokens, replaced: Array.from(labels.subarray(1), (l) => l === 1) })
  }
  return chosen
}

const isHandy = (sentence: string): boolean => sentence.length >= 40 && sentence.length <= 160
