import * as assert from 'uvu/assert'
import { add, evaluateOne, keyOf, mul, ops, sub, type Expr } from '../../core'
import { embed, mainHidden, type PassDropout, type Perturbation } from '../../models'
import { describe } from '../harness'
import { assertClose } from '../kit'
import { drawPair, pair } from '../training/objectives/specimens'
import { drawn } from './tasks/specimens'

const [B, T, D] = [2, 5, pair.hidden]
const params = drawPair(pair, 3)
const tokens = drawn(4, [B, T, D])
const noise = drawn(5, [B, T, D], 0.1)
const d: PassDropout = { rate: 0.3, attentionRate: 0.1, key: keyOf(8) }
const isToken = ops.constantArray({ data: [1, 1, 1, 1, 1, 1, 1, 1, 0, 0], shape: [B, T], dtype: 'bool' })

const hidden = (perturb?: Perturbation): Expr => mainHidden(pair, params, tokens, d, isToken, perturb)
const numbers = (e: Expr): readonly number[] => [...evaluateOne(e)]
const noisy: Perturbation = (e) => add(e, noise)
const normalized: Perturbation = Object.assign((e: Expr) => add(e, noise), { at: 'normalized' } as const)

describe('models: perturbations of embedded tokens', (test) => {
  test('none, and one that does nothing, are the same graph', () => {
    assert.is(hidden().hash, mainHidden(pair, params, tokens, d, isToken).hash)
    assert.is(hidden((e) => e).hash, hidden().hash)
    assert.not.equal(numbers(hidden(noisy)), numbers(hidden()))
    assert.not.equal(numbers(hidden(normalized)), numbers(hidden()))
  })

  test('of the output: what the first layer reads, behind norm and dropout, and it alone', () => {
    const norm = params.main.embedding.norm!
    const [plain, with_] = [embed(norm, tokens, undefined, d), embed(norm, tokens, undefined, d, noisy)]
    assertClose(numbers(sub(with_, plain)), numbers(noise), { tolerance: 1e-15 })
    assert.ok(
      numbers(plain).some((x) => x === 0),
      'dropout acts',
    )
  })

  test('of normalized tokens: mean 0 and deviation 1 are seen, weight and dropout act on the noise', () => {
    const norm = params.main.embedding.norm!
    let seen: Expr | undefined
    const watch: Perturbation = Object.assign(
      (e: Expr) => {
        seen = e
        return e
      },
      { at: 'normalized' } as const,
    )
    const plain = embed(norm, tokens, undefined, null)
    assertClose(numbers(embed(norm, tokens, undefined, null, watch)), numbers(plain), { tolerance: 1e-13 })
    const x = numbers(seen!)
    for (let i = 0; i < x.length; i += D) {
      const row = x.slice(i, i + D)
      const mean = row.reduce((s, v) => s + v / D, 0)
      assertClose([mean, row.reduce((s, v) => s + v ** 2 / D, 0)], [0, 1], { tolerance: 1e-3 })
    }
    const moved = sub(embed(norm, tokens, undefined, null, normalized), plain)
    assertClose(numbers(moved), numbers(mul(noise, norm.weight)), { tolerance: 1e-13 })
    const dropped = numbers(embed(norm, tokens, undefined, d, normalized))
    const masks = numbers(embed(norm, tokens, undefined, d)).map((v) => v === 0)
    assert.equal(dropped.map((v) => v === 0), masks) // prettier-ignore
  })
})
