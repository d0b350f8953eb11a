import { add, linear, mul, sigmoid, sliceAxis, sub, tanh, type Expr } from '../../core'
import type { PairConfig } from '../config'
import type { LinearParams } from '../encoder'
import { linearSpecs } from '../parameters'

/** Both layers give reset gate, update gate and candidate, in this order: PyTorch's. */
export type GruParams = { readonly input: LinearParams; readonly state: LinearParams }

export const gruSpecs = (c: PairConfig, from: number, width: number) => ({
  input: linearSpecs(c, from, 3 * width),
  state: linearSpecs(c, width, 3 * width),
})

/**
 * One step of a gated recurrent unit (Cho et al. 2014, arXiv:1406.1078, §2.3) as cuDNN and PyTorch have it, with the reset gate after the
 * product: r = σ(..), z = σ(..), n = tanh(Wx + b + r (Uh + c)), (1 - z) n + z h. x f32[B, I], h f32[B, H] -> f32[B, H].
 */
export const gruStep = (p: GruParams, x: Expr, h: Expr): Expr => {
  const H = h.aval.shape[1]!
  const [fromX, fromH] = [linear(p.input)(x), linear(p.state)(h)] // [B, 3H]
  const part = (of: Expr, i: number): Expr => sliceAxis(of, 1, i * H, H)
  const gate = (i: number): Expr => sigmoid(add(part(fromX, i), part(fromH, i)))
  const [reset, update] = [gate(0), gate(1)]
  const candidate = tanh(add(part(fromX, 2), mul(reset, part(fromH, 2))))
  return add(mul(sub(1, update), candidate), mul(update, h))
}
