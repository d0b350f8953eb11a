// node tfjs.mjs
// The step in TensorFlow.js's own API, tuned: its wasm backend runs its fast product (XNNPACK) for unbatched, untransposed operands
// only, everything else by a plain loop of 1 to 2 GFLOP/s. So: explicit transposes, and one product a head, behind custom gradients.
import { dirname } from 'node:path'
import { serve } from '../runner/serve.mjs'
import { adam, lnEps, matrices, problemOf } from '../problem.mjs'
import { requirePeer, resolvePeer } from './installed.mjs'

const tf = requirePeer('@tensorflow/tfjs')
const wasm = requirePeer('@tensorflow/tfjs-backend-wasm')
wasm.setWasmPaths(`${dirname(resolvePeer('@tensorflow/tfjs-backend-wasm/package.json'))}/dist/`)
if (!(await tf.setBackend('wasm'))) throw new Error('tfjs has no wasm backend here')
await tf.ready()

/** gather's own gradient needs UnsortedSegmentSum, which the wasm backend lacks. */
const take = tf.customGrad((x, ids, save) => {
  save([ids])
  const { shape } = x
  return {
    value: tf.gather(x, ids),
    gradFunc: (dy, [ids]) => [tf.scatterND(ids.reshape([-1, 1]), dy, shape), tf.zerosLike(ids)],
  }
})
const product = tf.customGrad((x, w, save) => {
  save([x, w])
  return {
    value: tf.matMul(x, w),
    gradFunc: (dy, [x, w]) => [tf.matMul(dy, tf.transpose(w)), tf.matMul(tf.transpose(x), dy)],
  }
})
const oneByOne = (a, b) => {
  const rights = tf.unstack(b)
  return tf.stack(tf.unstack(a).map((x, i) => tf.matMul(x, rights[i])))
}
const swap = (x) => tf.transpose(x, [0, 2, 1])
const batched = tf.customGrad((a, b, save) => {
  save([a, b])
  return { value: oneByOne(a, b), gradFunc: (dy, [a, b]) => [oneByOne(dy, swap(b)), oneByOne(swap(a), dy)] }
})
const norm = (x, weight, bias) => {
  const centred = x.sub(x.mean(-1, true))
  const variance = centred.square().mean(-1, true)
  return centred
    .mul(tf.rsqrt(variance.add(lnEps)))
    .mul(weight)
    .add(bias)
}
const gelu = (x) => x.mul(0.5).mul(tf.erf(x.mul(Math.SQRT1_2)).add(1))

const openStep = () => {
  const { params, L, H, A, S, B, V, ...batch } = problemOf()
  const p = Object.fromEntries(
    Object.entries(params).map(([name, { shape, data }]) => [name, tf.variable(tf.tensor(data, shape), true, name)]),
  )
  const [ids, positions, labels] = [batch.ids, batch.positions, batch.labels].map((x) => tf.tensor1d(x, 'int32'))
  const loss = () => {
    let x = norm(take(p.tok, ids).reshape([B, S, H]).add(p.pos), p.eg, p.eb).reshape([B * S, H])
    for (let l = 0; l < L; l++) {
      const of = (k) => p[`${l}.${k}`]
      const heads = (k) =>
        product(x, of(`w${k}`))
          .add(of(`b${k}`))
          .reshape([B, S, A, H / A])
          .transpose([0, 2, 1, 3])
          .reshape([B * A, S, H / A])
      const weights = tf.softmax(batched(heads('q'), swap(heads('k'))).mul((H / A) ** -0.5))
      const mixed = batched(weights, heads('v'))
        .reshape([B, A, S, H / A])
        .transpose([0, 2, 1, 3])
        .reshape([B * S, H])
      x = norm(x.add(product(mixed, of('wo')).add(of('bo'))), of('g1'), of('c1'))
      const wide = gelu(product(x, of('w1')).add(of('b1')))
      x = norm(x.add(product(wide, of('w2')).add(of('b2'))), of('g2'), of('c2'))
    }
    const masked = norm(gelu(product(take(x, positions), p.hw).add(p.hb)), p.hg, p.hc)
    const logits = product(masked, tf.transpose(p.tok)).add(p.db)
    const picked = logits.mul(tf.oneHot(labels, V).toFloat()).sum(-1)
    return tf.logSumExp(logits, -1).sub(picked).mean()
  }
  const optimizer = tf.train.adam(adam.lr, adam.b1, adam.b2, adam.eps)
  return async () => {
    const value = optimizer.minimize(loss, true)
    const [number] = await value.data()
    value.dispose()
    return number
  }
}

const openMatmul = (n) => {
  const [a, b] = matrices(n).map((x) => tf.tensor2d(x, [n, n]))
  return () => {
    const c = tf.matMul(a, b)
    c.dataSync()
    c.dispose()
  }
}

// Node has no Web Workers, and tfjs turns its threads off there.
await serve({ version: tf.version.tfjs, backend: 'wasm, tuned', threads: 1, openStep, openMatmul })
