import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { evaluate, exprLeaves, foldIn, keyOf, leavesOf, mul, ops, sub, sum, type Expr, type ExprTree } from '../../core'
import { grad } from '../../autodiff'
import { pairConfig, sanLogPosterior, sanSpecs, type SanParams } from '../../models'
import { batchKey } from '../../training/objectives'
import {
  adversarialNoise,
  divergences,
  findNoise,
  noiseNorms,
  pdrDefaults,
  unperturbed,
  withPdr,
} from '../../training/robust'
import { describe } from '../harness'
import { drawHead, drawn } from '../models/tasks/specimens'
import { numbers, reader, readerPosterior, textsOf, type ReaderParams } from '../training/robust/specimens'
import { assertParity, ParityError, type Numbers } from './compare'
import { run } from './python'
import { torchPython } from './torch'

interface Answer {
  readonly value: readonly number[]
  readonly grads: { readonly [path: string]: readonly number[] }
  readonly noise?: readonly number[]
}
const program = fileURLToPath(new URL('robust.py', import.meta.url))

/** What PyTorch says to each problem; null where there is none. */
const ask = async (problems: readonly object[]): Promise<readonly Answer[] | null> => {
  const python = await torchPython()
  if (python === null) return null
  const { code, stdout, stderr } = await run(python, [program], JSON.stringify(problems))
  assert.is(code, 0, stderr)
  return JSON.parse(stdout) as readonly Answer[]
}
const plain = (e: Expr): object => ({ shape: e.aval.shape, data: numbers(e) })
const plainTree = (tree: ExprTree): object =>
  Object.fromEntries(leavesOf<Expr>(tree).map(([path, e]) => [path, plain(e)]))

/** A value and the gradients of a scalar by path, as an answer has them. */
const byName = (value: Expr, grads: ExprTree, noise?: Expr): Numbers => {
  const paths = leavesOf<Expr>(grads).map(([path]) => path)
  const [first, ...rest] = evaluate([value, ...exprLeaves(grads)])
  return new Map<string, ArrayLike<number>>([
    ['value', first!],
    ...paths.map((path, i) => [`grads/${path}`, rest[i]!] as const),
    ...(noise === undefined ? [] : [['noise', numbers(noise)] as const]),
  ])
}
const ofAnswer = ({ value, grads, noise }: Answer): Numbers =>
  new Map([
    ['value', value],
    ...Object.entries(grads).map(([path, g]) => [`grads/${path}`, g] as const),
    ...(noise === undefined ? [] : [['noise', noise] as const]),
  ])

/** All gradients as one array: that of a bias is 0 for symmetric KL, of which there is no relative error. */
const inOne = (named: Numbers): Numbers => {
  const grads = [...named].filter(([name]) => name.startsWith('grads/'))
  return new Map<string, ArrayLike<number>>([
    ...[...named].filter(([name]) => !name.startsWith('grads/')),
    ['grads', grads.sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([, g]) => Array.from(g))],
  ])
}

const [B, T, D, C] = [3, 7, 4, 3]
const specs = sanSpecs({ ...pairConfig('tiny', 20, T), hidden: D }, C)
const params: SanParams = drawHead(specs, 12)
const hidden = drawn(13, [B, T, D])
const segments = ops.constantArray({ data: [0, 1, 1, 2, 2, 2, 0, 0, 1, 2, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2], shape: [B, T], dtype: 'i32' }) // prettier-ignore
const weights = drawn(14, [B, C])

const batch = textsOf(0, 4, 5)
const key = keyOf(7)
const clean = readerPosterior(reader, batch, key, unperturbed)
const vatProblems = (['kl', 'symmetric-kl', 'hellinger', 'js'] as const).flatMap((divergence) =>
  noiseNorms.map((norm) => ({ ...pdrDefaults.adversarial, divergence, norm, eps: 0.3, xi: 0.1 })),
)

describe('parity: answer network and adversarial noise', (test) => {
  test('the answer network has the posteriors and gradients of one with torch.nn.GRUCell', async () => {
    const turns = [1, 4]
    const answers = await ask(turns.map((k) => ({ task: 'san', turns: k, params: plainTree(params), hidden: plain(hidden), segments: plain(segments), weights: plain(weights) }))) // prettier-ignore
    if (answers === null) return
    const ours = turns.map((k) => {
      const of = (p: SanParams): Expr => sanLogPosterior({ turns: k, turnDropout: 0 }, p, hidden, segments, null)
      return byName(of(params), grad((p: SanParams) => sum(mul(of(p), weights)))(params))
    })
    answers.forEach((answer, i) => assertParity(ours[i]!, ofAnswer(answer), 1e-11))
    assert.throws(
      () => assertParity(ours[0]!, ofAnswer(answers[1]!), 1e-11),
      (error: unknown) => error instanceof ParityError,
      'control: other turns',
    )
  })

  test('one adversarial step: noise, divergence and gradient of PyTorch, for each divergence and norm', async () => {
    const start = adversarialNoise(vatProblems[0]!, divergences.kl)
    const first = findNoise({ at: 'output', start: start.start }, (f) => readerPosterior(reader, batch, key, f), clean, batch.isToken, batchKey(foldIn(key, 'noise'), batch)) // prettier-ignore
    const answers = await ask(
      vatProblems.map(({ divergence, norm, eps }) => ({
        task: 'vat',
        divergence,
        norm,
        eps,
        params: plainTree(reader),
        embedded: plain(batch.embedded),
        isToken: plain(batch.isToken),
        start: plain(sub(first.perturb(batch.embedded), batch.embedded)),
      })),
    )
    if (answers === null) return
    vatProblems.forEach((config, i) => {
      const search = adversarialNoise(config, divergences[config.divergence])
      const { perturb } = findNoise(search, (f) => readerPosterior(reader, batch, key, f), clean, batch.isToken, batchKey(foldIn(key, 'noise'), batch)) // prettier-ignore
      const value = divergences[config.divergence](clean, readerPosterior(reader, batch, key, perturb))
      const regulariser = (p: ReaderParams): Expr =>
        withPdr(config, readerPosterior)(() => ({ loss: ops.literal({ value: 0, shape: [], dtype: 'f32' }), metrics: {} }))(p, batch, key).loss // prettier-ignore
      const got = byName(value, grad(regulariser)(reader), sub(perturb(batch.embedded), batch.embedded))
      assertParity(inOne(got), inOne(ofAnswer(answers[i]!)), 1e-9)
    })
  })
})
