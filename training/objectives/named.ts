import type { PairParams } from '../../models'
import {
  allTokensMlm,
  clmOnly,
  evalPassAux,
  frozenAux,
  randomReplace,
  replaceMlm,
  rtdOnly,
  trainPassAux,
} from './ablations'
import { cocoLm, cocoLmCopy } from './coco-lm'
import { electra } from './electra'
import { mlm, mlmOnly } from './mlm'
import type { Objective } from './objective'
import { tNlrV5 } from './t-nlrv5'

/** Objectives by the name that `--objective` takes. */
export const objectives: Readonly<Record<string, Objective<PairParams>>> = {
  't-nlrv5': tNlrV5,
  'coco-lm': cocoLm,
  'coco-lm-copy': cocoLmCopy,
  electra,
  mlm,
  'mlm-only': mlmOnly,
  'rtd-only': rtdOnly,
  'clm-only': clmOnly,
  'replace-mlm': replaceMlm,
  'all-tokens-mlm': allTokensMlm,
  'random-replace': randomReplace,
  'frozen-aux': frozenAux,
  'eval-pass-aux': evalPassAux,
  'train-pass-aux': trainPassAux,
}
