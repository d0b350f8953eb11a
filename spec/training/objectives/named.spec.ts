import * as assert from 'uvu/assert'
import { evaluateOne, mapExprs, mul, ops, type Expr } from '../../../core'
import { grad } from '../../../autodiff'
import { auxiliaryLogits, type PairConfig, type PairParams } from '../../../models'
import {
  batchKey,
  drawReplacements,
  evalPassAux,
  maskedCrossEntropy,
  objectives,
  readReplaced,
  uniformReplacements,
  type PretrainInputs,
} from '../../../training/objectives'
import { describe } from '../../harness'
import { assertClose } from '../../kit'
import { asInputs, drawPair, hostBatch, pair, runKey, valuesOf, withReplaced } from './specimens'

const host = hostBatch(2, 4)
const batch = asInputs(host)
const dry: PairConfig = { ...pair, dropout: 0, attentionDropout: 0 }

/** A pair that shares what the objective wants. */
const pairOf = (name: string): PairConfig => ({ ...pair, sharing: objectives[name]!.sharing ?? pair.sharing })
const paramsOf = (name: string): PairParams => drawPair(pairOf(name), 1, objectives[name]!.heads)
const partsOf = (name: string, data = batch, config = dry, params = paramsOf(name)) =>
  objectives[name]!(config)(params, data, runKey)
const numberOf = (e: Expr | undefined): number => evaluateOne(e!)[0]!

/** What each objective is: the weights of its terms in the loss, what else it logs, and the parts of the tree that it trains. */
interface Wanted {
  readonly terms: Readonly<Record<string, number>>
  readonly logged: readonly string[]
  readonly trains: readonly string[]
}
const aux = ['aux', 'head/mlm']
const main = ['main', 'head/clm', 'head/rtd']
const wanted: Readonly<Record<string, Wanted>> = {
  't-nlrv5': { terms: { mlm: 1, clm: 1, rtd: 50 }, logged: ['replaced'], trains: [...aux, ...main] },
  'coco-lm': {
    terms: { mlm: 1, clm: 1, rtd: 50, scl: 1 },
    logged: ['replaced'],
    trains: [...aux, ...main, 'head/scl'],
  },
  'coco-lm-copy': { terms: { mlm: 1, clm: 1, rtd: 50, scl: 1 }, logged: ['replaced'], trains: [...aux, ...main, 'head/scl'] }, // prettier-ignore
  electra: { terms: { mlm: 1, rtd: 50 }, logged: ['replaced'], trains: [...aux, 'main', 'head/electra'] },
  mlm: { terms: { mlm: 1 }, logged: [], trains: aux },
  'mlm-only': { terms: { mlm: 1 }, logged: [], trains: ['main', 'head/mainMlm'] },
  'rtd-only': { terms: { mlm: 1, rtd: 50 }, logged: ['replaced'], trains: [...aux, 'main', 'head/rtd'] },
  'clm-only': { terms: { mlm: 1, clm: 1 }, logged: ['replaced'], trains: [...aux, 'main', 'head/clm'] },
  'replace-mlm': { terms: { mlm: 1, clm: 1 }, logged: ['replaced'], trains: [...aux, 'main', 'head/mainMlm'] },
  'all-tokens-mlm': {
    terms: { mlm: 1, allTokens: 1 },
    logged: ['replaced'],
    trains: [...aux, 'main', 'head/mainMlm', 'head/rtd'],
  },
  'random-replace': { terms: { clm: 1, rtd: 50 }, logged: ['replaced'], trains: main },
  'frozen-aux': { terms: { clm: 1, rtd: 50 }, logged: ['mlm', 'replaced'], trains: main },
  'eval-pass-aux': { terms: { mlm: 1, clm: 1, rtd: 50 }, logged: ['replaced'], trains: [...aux, ...main] },
  'train-pass-aux': { terms: { mlm: 1, clm: 1, rtd: 50 }, logged: ['replaced'], trains: [...aux, ...main] },
}

const trained = (name: string, of: (parts: ReturnType<typeof partsOf>) => Expr): readonly string[] => {
  const gradient = valuesOf(grad((p: PairParams) => of(partsOf(name, batch, dry, p)))(paramsOf(name)))
  return [...gradient].flatMap(([path, g]) => (g.some((x) => x !== 0) ? [path] : []))
}
const isIn = (starts: readonly string[], path: string): boolean => starts.some((s) => path.startsWith(`${s}/`))

describe('training/objectives/named', (test) => {
  test('the list is whole', () => assert.equal(Object.keys(objectives).sort(), Object.keys(wanted).sort()))

  for (const [name, { terms, logged, trains }] of Object.entries(wanted)) {
    test(`${name}: the loss is its terms by their weights, all are logged, all are finite`, () => {
      const { loss, metrics } = partsOf(name)
      assert.equal(Object.keys(metrics).sort(), [...Object.keys(terms), ...logged].sort())
      const sum = Object.entries(terms).reduce((s, [term, weight]) => s + weight * numberOf(metrics[term]), 0)
      assertClose([numberOf(loss)], [sum], { tolerance: 1e-12 })
      assert.ok(Number.isFinite(sum) && sum > 0)
    })

    test(`${name}: trains ${trains.join(', ')} and the token table, and nothing else`, () => {
      const paths = [...valuesOf(paramsOf(name)).keys()]
      assert.equal(
        trained(name, (parts) => parts.loss),
        paths.filter((path) => path === 'embedding/token' || isIn(trains, path)),
      )
    })
  }

  test('whatever the models share, each is built of it: the figures differ from those of a shared table alone', () => {
    for (const name of Object.keys(objectives))
      for (const sharing of ['gdes', 'token-pos-norm'] as const) {
        const config: PairConfig = { ...dry, sharing }
        const params = drawPair(config, 1, objectives[name]!.heads)
        const loss = numberOf(partsOf(name, batch, config, params).loss)
        assert.ok(Number.isFinite(loss), `${name}, ${sharing}`)
        // The auxiliary has no part in the difference of gdes.
        const isOther = !(name === 'mlm' && sharing === 'gdes')
        assert.is(loss !== numberOf(partsOf(name).loss), isOther, `${name}, ${sharing}`)
      }
  })

  test('micro-batches add up to the whole, but where rows are held against each other', () => {
    for (const [name, objective] of Object.entries(objectives)) {
      const sumOf = (term: string): number =>
        [[0, 2] as const, [2, 4] as const].reduce((s, rows) => {
          const parts = partsOf(name, asInputs(hostBatch(2, 4, rows)))
          return s + numberOf(parts.metrics[term])
        }, 0)
      for (const [term, e] of Object.entries(partsOf(name).metrics)) {
        const isSame = Math.abs(sumOf(term) - numberOf(e)) < 1e-10
        assert.is(isSame, !(objective.contrastsRows === true && term === 'scl'), `${name}: ${term}`)
      }
    }
  })

  test('terms over masked places read the targets there; detection and all-tokens MLM, which are over every token, do not', () => {
    const K = host.positions.length / 4
    for (const [name, { terms }] of Object.entries(wanted)) {
      const given = withReplaced(batch, host.targets) // nothing is replaced: hidden states stay
      const before = partsOf(name, given).metrics
      const others = host.targets.map((id, slot) => (slot === 0 ? (id + 1) % pair.vocab : id))
      const moved: PretrainInputs = { ...given, targets: ops.constantArray({ data: [...others], shape: [4, K], dtype: 'i32' }) } // prettier-ignore
      const after = partsOf(name, moved).metrics
      for (const term of Object.keys(terms).filter((t) => t !== 'scl'))
        assert.is(numberOf(before[term]) !== numberOf(after[term]), ['mlm', 'clm'].includes(term), `${name}: ${term}`)
    }
  })

  test("ELECTRA's detection is ours with the sign turned: so its reading is, and the loss of a constant logit shows it", () => {
    const { reading } = objectives['electra']!
    const biased = (bias: number): PairParams =>
      mapExprs(paramsOf('electra'), (e, path) =>
        path === 'head/electra/out/bias' ? ops.literal({ value: bias, shape: [1], dtype: 'f32' }) : mul(e, 0),
      )
    const given = withReplaced(batch, host.targets)
    const softplus = (x: number): number => Math.log1p(Math.exp(x))
    // Nothing is replaced: a logit of "replaced" costs softplus(+b) at each token.
    assertClose([numberOf(partsOf('electra', given, dry, biased(3)).metrics['rtd'])], [softplus(3)], {
      tolerance: 1e-12,
    })
    const hidden = ops.literal({ value: 0, shape: [4, 12, 8], dtype: 'f32' })
    assert.ok(evaluateOne(reading!.original!(biased(3), hidden, batch.tokens, dry)).every((x) => x === -3))
  })

  test('all-tokens-mlm: its reading is the logit of the probability that the loss gives to a token that stands as it was', () => {
    const params = paramsOf('all-tokens-mlm')
    const given = withReplaced(batch, host.targets) // nothing is replaced: each token's loss is -ln of that probability
    const { hidden } = readReplaced(dry, params, given, given.targets, batchKey(runKey, batch))
    const logits = evaluateOne(objectives['all-tokens-mlm']!.reading!.original!(params, hidden, batch.tokens, dry))
    const nats = [...logits].reduce((sum, x) => sum + Math.log1p(Math.exp(-x)), 0) / logits.length
    assertClose([numberOf(partsOf('all-tokens-mlm', given).metrics['allTokens'])], [nats], { tolerance: 1e-11 })
  })

  test('random-replace draws evenly from the whole vocabulary, and by example', () => {
    const many = asInputs(hostBatch(0, 64))
    const ids = evaluateOne(uniformReplacements(many, batchKey(runKey, many), pair))
    const counts = new Array<number>(pair.vocab).fill(0)
    ids.forEach((id) => (counts[id]! += 1))
    const expected = ids.length / pair.vocab
    const chi = counts.reduce((s, n) => s + (n - expected) ** 2 / expected, 0)
    assert.ok(chi < 42.3, `chi-square ${chi} with 18 degrees of freedom`) // p = 0.001
    const [a, b] = [hostBatch(0, 64, [0, 3]), hostBatch(0, 64, [3, 64])].map((h) => {
      const inputs = asInputs(h)
      return [...evaluateOne(uniformReplacements(inputs, batchKey(runKey, inputs), pair))]
    })
    assert.equal([...a!, ...b!], [...ids])
  })

  test('eval-pass-aux: its loss has dropout, what it draws from has none; without dropout it is t-nlrv5', () => {
    const params = paramsOf('eval-pass-aux')
    const wet = evalPassAux(pair)(params, batch, runKey)
    const plain = auxiliaryLogits(pair, params, batch.masked, batch.positions)
    assert.not.equal(numberOf(wet.metrics['mlm']), numberOf(maskedCrossEntropy(plain, batch)))
    const drawn = evaluateOne(drawReplacements(plain, batch, batchKey(runKey, batch), pair))
    const same = evalPassAux(pair)(params, withReplaced(batch, drawn), runKey)
    for (const term of ['mlm', 'clm', 'rtd', 'replaced'])
      assert.is(numberOf(wet.metrics[term]), numberOf(same.metrics[term]), term)
    assert.is(numberOf(partsOf('eval-pass-aux').loss), numberOf(partsOf('t-nlrv5').loss))
    const once = objectives['train-pass-aux']!(pair)(params, batch, runKey)
    assert.is(numberOf(once.metrics['mlm']), numberOf(wet.metrics['mlm']))
    assert.not.equal(numberOf(once.metrics['clm']), numberOf(wet.metrics['clm']), 'control: other draws')
  })

  test('frozen-aux: nothing that the main model trains changes what is drawn; its own table does', () => {
    const params = paramsOf('frozen-aux')
    const drawnBy = (p: PairParams): number => numberOf(partsOf('frozen-aux', batch, dry, p).metrics['mlm'])
    const turned = (isTurned: (path: string) => boolean): PairParams =>
      mapExprs(params, (e, path) => (isTurned(path) ? mul(e, -1) : e))
    const isFrozen = (path: string): boolean => isIn(objectives['frozen-aux']!.frozen!, path)
    assert.is(drawnBy(turned((path) => !isFrozen(path))), drawnBy(params))
    assert.not.equal(drawnBy(turned((path) => path === 'aux/embedding/token')), drawnBy(params))
  })
})
