import * as E from 'fp-ts/Either'
import { dataFault, type DataFault } from '../fault'
import type { SpecialIds } from './spec'

/** Names of the special tokens of a vocabulary trained here; their ids are 0–4 (recipe 9.2: COCO-LM's order). */
export const specialTokens = ['[CLS]', '[PAD]', '[SEP]', '[UNK]', '[MASK]'] as const

/** By role, the names that are known; COCO-LM's are the second. */
const roles: Readonly<Record<keyof SpecialIds, readonly string[]>> = {
  cls: ['[CLS]', '<s>', '<cls>'],
  pad: ['[PAD]', '<pad>'],
  sep: ['[SEP]', '</s>', '<sep>'],
  unk: ['[UNK]', '<unk>'],
  mask: ['[MASK]', '<mask>'],
}

/** The special ids of a vocabulary by role, as far as it has them: added tokens first. */
export const specialsOf = (...known: readonly ReadonlyMap<string, number>[]): Partial<SpecialIds> =>
  Object.fromEntries(
    Object.entries(roles).flatMap(([role, names]) => {
      const id = known.flatMap((ids) => names.map((name) => ids.get(name))).find((found) => found !== undefined)
      return id === undefined ? [] : [[role, id]]
    }),
  )

/** The five special ids pretraining needs, or a Left naming the ones a foreign vocabulary lacks. */
export const requireSpecials = ({
  specials,
}: {
  readonly specials: Partial<SpecialIds>
}): E.Either<DataFault, SpecialIds> => {
  // prettier-ignore
  const { cls, pad, sep, unk, mask } = specials
  if (cls !== undefined && pad !== undefined && sep !== undefined && unk !== undefined && mask !== undefined)
    return E.right({ cls, pad, sep, unk, mask })
  const missing = Object.entries(roles).filter(([role]) => specials[role as keyof SpecialIds] === undefined)
  const got = missing.map(([, names]) => `no ${names.join(' or ')}`).join(', ')
  return E.left(dataFault('tokenizer', 'added_tokens', 'tokens for [CLS], [PAD], [SEP], [UNK] and [MASK]', got))
}
