// The work that is timed: one training step (forward, backward, Adam) of a small BERT-like encoder with a masked-LM head. Post-LN,
// erf GELU, output tied to the token table, masked places gathered before the head, no dropout, mean cross-entropy. Float32.
// Every contestant starts from these parameters and takes this batch, so every contestant's losses must agree.

/** L layers of width H with A heads and inner width F; B rows of S tokens out of V, M of them masked. */
export const encoder = { L: 4, H: 256, A: 4, F: 1024, S: 128, B: 8, V: 8192, M: 154 }
export const adam = { lr: 1e-3, b1: 0.9, b2: 0.999, eps: 1e-8 }
export const lnEps = 1e-5
const maskId = 4
const seed = 1234

/** mulberry32: uniform in [0, 1). */
const uniforms = (start) => {
  let s = start >>> 0
  return () => {
    s = (s + 0x6d2b79f5) >>> 0
    let t = s
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

const shapes = ({ L, H, F, S, V }) => [
  ['tok', [V, H], 'normal'],
  ['pos', [S, H], 'normal'],
  ['eg', [H], 'one'],
  ['eb', [H], 'zero'],
  ...Array.from({ length: L }, (_, l) => [
    ...['q', 'k', 'v', 'o'].flatMap((k) => [
      [`${l}.w${k}`, [H, H], 'normal'],
      [`${l}.b${k}`, [H], 'zero'],
    ]),
    [`${l}.g1`, [H], 'one'],
    [`${l}.c1`, [H], 'zero'],
    [`${l}.w1`, [H, F], 'normal'],
    [`${l}.b1`, [F], 'zero'],
    [`${l}.w2`, [F, H], 'normal'],
    [`${l}.b2`, [H], 'zero'],
    [`${l}.g2`, [H], 'one'],
    [`${l}.c2`, [H], 'zero'],
  ]).flat(),
  ['hw', [H, H], 'normal'],
  ['hb', [H], 'zero'],
  ['hg', [H], 'one'],
  ['hc', [H], 'zero'],
  ['db', [V], 'zero'],
]

/** Parameters by name as { shape, data }, and the batch: input ids, masked places in the flattened batch, their labels. */
export const problemOf = (config = encoder) => {
  const { S, V, B, M } = config
  const random = uniforms(seed)
  const normal = () => {
    let u = 0
    while (u < 1e-12) u = random()
    return Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * random())
  }
  const first = { normal: () => 0.02 * normal(), one: () => 1, zero: () => 0 }
  const params = Object.fromEntries(
    shapes(config).map(([name, shape, kind]) => [
      name,
      { shape, data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, first[kind]) },
    ]),
  )
  const tokens = Int32Array.from({ length: B * S }, () => 5 + Math.floor(random() * (V - 5)))
  const order = Array.from({ length: B * S }, (_, i) => i)
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    ;[order[i], order[j]] = [order[j], order[i]]
  }
  const positions = Int32Array.from(order.slice(0, M)).sort()
  const labels = positions.map((i) => tokens[i])
  const ids = tokens.slice()
  for (const i of positions) ids[i] = maskId
  return { ...config, params, ids, positions, labels }
}

export const parameterCount = (config = encoder) =>
  shapes(config).reduce((n, [, shape]) => n + shape.reduce((a, b) => a * b, 1), 0)

/** GFLOP of the matrix products of a step, backward = 2 x forward. */
export const gflopOf = ({ L, H, F, S, B, V, M } = encoder) =>
  (3 * (2 * B * S * L * (4 * H * H + 2 * H * F) + L * 4 * B * S * S * H + 2 * M * (H * H + H * V))) / 1e9

/** Two n x n matrices without a pattern that a product could profit from. */
export const matrices = (n) => [
  Float32Array.from({ length: n * n }, (_, i) => Math.sin(i)),
  Float32Array.from({ length: n * n }, (_, i) => Math.cos(i)),
]
