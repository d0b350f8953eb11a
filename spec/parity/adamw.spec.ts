import * as assert from 'uvu/assert'
import { referenceDevice } from '../../kernels'
import { adamW, linearWarmupDecay } from '../../training/optim'
import { describe } from '../harness'
import { assertParity, ParityError, type Numbers } from './compare'
import { trainOn } from './ours'
import { drawProblem } from './problem'
import { torchPython, torchTraining, type Answer } from './torch'

const problem = drawProblem(20220413)

/** The recipe's numbers (3.1), but for a decay and a rate large enough to show in four steps. */
const adam = { b1: 0.9, b2: 0.98, eps: 1e-6, weightDecay: 0.1 }
const peak = 4e-3
/** Two steps of warm-up, five in all: by hand. */
const rates = [peak / 2, peak, peak, (peak * 2) / 3]
const rate = linearWarmupDecay(peak, 2, 5)

/** Optimizers that PyTorch runs; all but the first two differ from the first by one number. */
const variants = {
  clipped: { ...adam, clipNorm: 2, rates },
  unclipped: { ...adam, clipNorm: 1e9, rates },
  withoutDecay: { ...adam, weightDecay: 0, clipNorm: 2, rates },
  otherEpsilon: { ...adam, eps: 1e-5, clipNorm: 2, rates },
}
type Variant = keyof typeof variants

let answered: Promise<ReadonlyMap<Variant, Answer> | null> | undefined

/** What PyTorch says, computed once; null where there is no PyTorch. */
const expected = (): Promise<ReadonlyMap<Variant, Answer> | null> => {
  const names = Object.keys(variants) as Variant[]
  answered ??= torchPython().then(async (python) => {
    if (python === null) return null
    const answers = await torchTraining(python, problem, Object.values(variants))
    return new Map(names.map((name, i) => [name, answers[i]!]))
  })
  return answered
}

const byPath = (answer: Answer): Numbers => new Map(Object.entries(answer.arrays))

describe('parity/adamw', (test) => {
  // 0 is how we write "no clipping"; for torch it is a bound that no gradient comes near.
  for (const [variant, clipNorm] of [
    ['clipped', 2],
    ['unclipped', 0],
  ] as const)
    test(`four steps of the pair, ${variant}: parameters and norms are those of torch.optim.AdamW`, async () => {
      const want = (await expected())?.get(variant)
      if (want === undefined) return
      for (const norm of want.norms) assert.ok(norm > 2, `clipping at 2 acts on a gradient of norm ${norm}`)
      const got = await trainOn(referenceDevice(), problem, adamW({ ...adam, clipNorm, rate }), rates.length)
      assertParity(new Map([['norms', got.norms]]), new Map([['norms', want.norms]]), 1e-9)
      assertParity(got.params, byPath(want), 1e-9)
    })

  test('control: no clipping, no decay and another epsilon are each told from the rule', async () => {
    const want = await expected()
    if (want === null) return
    const right = byPath(want.get('clipped')!)
    for (const wrong of ['unclipped', 'withoutDecay', 'otherEpsilon'] as const)
      assert.throws(
        () => assertParity(byPath(want.get(wrong)!), right, 1e-9),
        (error: unknown) => error instanceof ParityError,
      )
  })
})
