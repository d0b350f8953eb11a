import type { WordLevelSpec } from '../spec'
import type { EncodeWord } from '../word-cache'

/** A word's own token, or the unknown one. */
export const wordLevel =
  ({ unk }: WordLevelSpec, idOf: ReadonlyMap<string, number>): EncodeWord =>
  (word, out) =>
    out.push(idOf.get(word) ?? idOf.get(unk)!)
