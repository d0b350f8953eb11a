import { add, attention, crossEntropy, gelu, layerNorm, linear, matmul, matrixTranspose, mean } from 'emend/core'
import { reshape, take, transpose } from 'emend/core'

/** The loss of problem.mjs as a user of emend writes it. p: parameters by name; batch: ids, positions, labels. */
export const lossOf =
  ({ L, H, A, S, B }) =>
  (p, { ids, positions, labels }) => {
    const dense = (x, weight, bias) => linear({ weight: p[weight], bias: p[bias] })(x)
    const norm = (x, weight, bias) => layerNorm({ weight: p[weight], bias: p[bias] })(x)
    const embedded = reshape(take(p.tok, ids), [B, S, H])
    let x = reshape(norm(add(embedded, p.pos), 'eg', 'eb'), [B * S, H])
    for (let l = 0; l < L; l++) {
      const heads = (k) => transpose(reshape(dense(x, `${l}.w${k}`, `${l}.b${k}`), [B, S, A, H / A]), [0, 2, 1, 3]) // [B, A, S, H / A]
      const mixed = transpose(attention(heads('q'), heads('k'), heads('v')), [0, 2, 1, 3])
      x = norm(add(x, dense(reshape(mixed, [B * S, H]), `${l}.wo`, `${l}.bo`)), `${l}.g1`, `${l}.c1`)
      const wide = gelu(dense(x, `${l}.w1`, `${l}.b1`))
      x = norm(add(x, dense(wide, `${l}.w2`, `${l}.b2`)), `${l}.g2`, `${l}.c2`)
    }
    const masked = norm(gelu(dense(take(x, positions), 'hw', 'hb')), 'hg', 'hc')
    return mean(crossEntropy(add(matmul(masked, matrixTranspose(p.tok)), p.db), labels))
  }
