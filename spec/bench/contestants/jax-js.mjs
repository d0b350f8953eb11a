// node --experimental-wasm-relaxed-simd jax-js.mjs THREADS
// The step in jax-js's own API, under jit. Arrays there are owned by hand: `.ref` keeps one for another use.
import { serve } from '../runner/serve.mjs'
import { adam, lnEps, matrices, problemOf } from '../problem.mjs'
import { importPeer, versionOf } from './installed.mjs'
import { giveWorkers } from './worker-shim.mjs'

const threads = Number(process.argv[2])
if (threads > 1) giveWorkers(threads)
const jax = await importPeer('@jax-js/jax')
const { numpy: np, nn, jit, valueAndGrad, tree, blockUntilReady } = jax
if (!(await jax.init('wasm')).includes('wasm')) throw new Error('jax-js has no wasm backend here')
jax.defaultDevice('wasm')

const norm = (x, weight, bias) => {
  const centred = x.ref.sub(np.mean(x, -1, { keepdims: true }))
  const variance = np.mean(np.square(centred.ref), -1, { keepdims: true })
  return centred
    .div(np.sqrt(variance.add(lnEps)))
    .mul(weight)
    .add(bias)
}
const gelu = (x) => nn.gelu(x, { approximate: false })

// jax-js 0.1.25 under jit cannot scatter into the gradient of a gather whose cotangent is a view ('routine primitive scatter input
// is not imm'); multiplying by a one that comes in at run time makes it an array of its own.
const lossOf =
  ({ L, H, A, S, B, V, M }) =>
  (p, ids, positions, labels, one) => {
    let x = norm(
      p.tok.ref
        .slice(ids)
        .mul(one.ref)
        .add(np.tile(p.pos, [B, 1])),
      p.eg,
      p.eb,
    )
    for (let l = 0; l < L; l++) {
      const of = (k) => p[`${l}.${k}`]
      const heads = (k) =>
        np
          .matmul(x.ref, of(`w${k}`))
          .add(of(`b${k}`))
          .reshape([B, S, A, H / A])
          .transpose([0, 2, 1, 3])
      const [q, k, v] = [heads('q'), heads('k'), heads('v')]
      const weights = nn.softmax(np.matmul(q, k.transpose([0, 1, 3, 2])).mul((H / A) ** -0.5), -1)
      const mixed = np
        .matmul(weights, v)
        .transpose([0, 2, 1, 3])
        .reshape([B * S, H])
      x = norm(x.add(np.matmul(mixed, of('wo')).add(of('bo'))), of('g1'), of('c1'))
      const wide = gelu(np.matmul(x.ref, of('w1')).add(of('b1')))
      x = norm(x.add(np.matmul(wide, of('w2')).add(of('b2'))), of('g2'), of('c2'))
    }
    const masked = norm(gelu(np.matmul(x.slice(positions).mul(one), p.hw).add(p.hb)), p.hg, p.hc)
    const logp = nn.logSoftmax(np.matmul(masked, p.tok.transpose([1, 0])).add(p.db), -1)
    return logp
      .mul(nn.oneHot(labels, V))
      .sum()
      .mul(-1 / M)
  }

const { lr, b1, b2, eps } = adam
/** Adam by hand (@jax-js/optax is not on the registry). t1 = 1 / (1 - b1^t), t2 = 1 / (1 - b2^t). */
const update = (p, g, m, v, t1, t2) => {
  const next = { p: {}, m: {}, v: {} }
  for (const k in p) {
    const mk = m[k].mul(b1).add(g[k].ref.mul(1 - b1))
    const vk = v[k].mul(b2).add(np.square(g[k]).mul(1 - b2))
    const root = np.sqrt(vk.ref.mul(t2.ref)).add(eps)
    next.p[k] = p[k].sub(mk.ref.mul(t1.ref).div(root).mul(lr))
    next.m[k] = mk
    next.v[k] = vk
  }
  t1.dispose()
  t2.dispose()
  return next
}

const openStep = async () => {
  const problem = problemOf()
  let [p, m, v] = [{}, {}, {}]
  for (const [name, { shape, data }] of Object.entries(problem.params)) {
    p[name] = np.array(data).reshape(shape)
    m[name] = np.zeros(shape)
    v[name] = np.zeros(shape)
  }
  const ints = (x) => np.array(x, { dtype: np.int32 })
  const batch = [ints(problem.ids), ints(problem.positions), ints(problem.labels)]
  await blockUntilReady([p, m, v])
  const train = jit((p, m, v, ids, positions, labels, one, t1, t2) => {
    const [loss, grads] = valueAndGrad(lossOf(problem))(tree.ref(p), ids, positions, labels, one)
    const next = update(p, grads, m, v, t1, t2)
    return [loss, next.p, next.m, next.v]
  })
  let t = 0
  return async () => {
    t += 1
    const corrections = [np.array(1 / (1 - b1 ** t)), np.array(1 / (1 - b2 ** t))]
    let loss
    ;[loss, p, m, v] = train(p, m, v, ...batch.map((x) => x.ref), np.array(1), ...corrections)
    const value = (await loss.data())[0]
    await blockUntilReady([p, m, v])
    return value
  }
}

const openMatmul = (n) => {
  const [a, b] = matrices(n).map((x) => np.array(x).reshape([n, n]))
  const product = jit((x, y) => np.matmul(x, y))
  return async () => {
    const c = product(a.ref, b.ref)
    await blockUntilReady(c)
    c.dispose()
  }
}

const relaxed = process.execArgv.some((flag) => flag.includes('relaxed-simd'))
await serve({
  version: versionOf('@jax-js/jax'),
  backend: `wasm, jit${relaxed ? ', relaxed SIMD' : ''}${threads > 1 ? ', global Worker given' : ''}`,
  threads,
  openStep,
  openMatmul,
})
