import { add, div, gelu, layerNorm, linear, mul, reshape, scope, sqrt, sum, type Expr } from '../core'
import type { LinearParams } from './encoder'
import { defineHead } from './own-head'
import { linearSpecs, normSpecs, zerosSpec } from './parameters'

/** ELECTRA's detection head: dense, gelu, linear (Clark et al. 2020, arXiv:2003.10555; in its code, `_get_discriminator_output`). */
export const electraHead = defineHead('electra', (c) => ({
  dense: linearSpecs(c, c.hidden, c.hidden),
  out: linearSpecs(c, c.hidden, 1),
}))

/** The logit of "this token was replaced": ELECTRA's polarity, the opposite of `rtdLogits`. h f32[B, T, D] -> f32[B, T]. */
export const electraLogits = (p: { readonly dense: LinearParams; readonly out: LinearParams }, h: Expr): Expr =>
  scope('electra', () => reshape(linear(p.out)(gelu(linear(p.dense)(h))), h.aval.shape.slice(0, -1)))

/** The head of sequence contrast: dense, gelu, norm on the first token (Meng et al. 2021, arXiv:2102.08473, §3.2, and its code). */
export const contrastHead = defineHead('scl', (c) => ({
  dense: linearSpecs(c, c.hidden, c.hidden),
  norm: normSpecs(c.hidden),
}))

/** Vectors of length 1: h f32[B, D] -> f32[B, D]. */
export const contrastVectors = (
  p: { readonly dense: LinearParams; readonly norm: LinearParams },
  h: Expr,
  normEps?: number,
): Expr =>
  scope('scl', () => {
    const z = layerNorm(p.norm, normEps)(gelu(linear(p.dense)(h)))
    return div(z, sqrt(add(sum(mul(z, z), -1, true), 1e-12)))
  })

/** A masked LM's head for the main model, of the auxiliary's form: `mlmLogits` computes it. */
export const mainMlmHead = defineHead('mainMlm', (c) => ({
  dense: linearSpecs(c, c.hidden, c.hidden),
  norm: normSpecs(c.hidden),
  bias: zerosSpec(c.vocab),
}))
