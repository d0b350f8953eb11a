import { cast, input, keyOf, neg, not, sigmoid, type Aval, type Expr } from '../../core'
import type { Program } from '../../kernels'
import { auxiliaryLogits, mainHidden, mainTable, type PairConfig, type PairParams } from '../../models'
import { batchKey, corrupt, drawReplacements, embedCorrupted, type PretrainInputs } from '../objectives'
import { holes } from '../step'
import type { Detecting } from '../correct/program'

/**
 * Detection on text that the pair's own auxiliary corrupted: outputs `replaced` f32[B, T], the main model's probability, and
 * `label` f32[B, T], 1 where the sample differs from the original. Neither means anything at padding.
 */
export const ownCorruption = (
  config: PairConfig,
  params: PairParams,
  batch: { readonly [K in keyof PretrainInputs]: Aval },
  { original }: Detecting,
): Program => {
  const data = holes('batch', batch) as PretrainInputs
  const key = batchKey(keyOf({ lo: input('seed/lo', [], 'i32'), hi: input('seed/hi', [], 'i32') }), data)
  const logits = auxiliaryLogits(config, params, data.masked, data.positions, undefined, data.isToken)
  const sampled = drawReplacements(logits, data, key, config)
  const corrupted = corrupt(data, sampled)
  const embedded = embedCorrupted(mainTable(params), data, sampled, corrupted)
  const hidden = mainHidden(config, params, embedded, null, data.isToken)
  const outputs: readonly (readonly [string, Expr])[] = [
    ['replaced', sigmoid(neg(original(params, hidden, corrupted.ids, config)))],
    ['label', cast(not(corrupted.isOriginal), 'f32')],
  ]
  return {
    outputs: outputs.map(([name, value]) => ({ name, value })),
    donated: [...Object.keys(batch).map((name) => `batch/${name}`), 'seed/lo', 'seed/hi'],
  }
}
