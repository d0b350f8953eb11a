import * as assert from 'uvu/assert'
import { valueAndGradAux } from '../../../autodiff'
import { evaluate, evaluateOne, exprLeaves, type Expr } from '../../../core'
import { withPolicy } from '../../../kernels'
import type { PairConfig, PairParams, Remat } from '../../../models'
import { ascendingOrder, batchAt, type PretrainBatch } from '../../../training/data/batch'
import { batchKey, cropped, objectives, rowLengths, rowsOf, type LossFn } from '../../../training/objectives'
import { describe } from '../../harness'
import { assertClose } from '../../kit'
import { cutBlocks, specimenBlocks } from '../data/block-specimens'
import { asInputs, drawPair, hostBatch, pair, runKey, valuesOf } from './specimens'

const [B, T, longer] = [4, 12, 16]
const pad = 1
/** Without attention's dropout, whose draws are numbered by query and key of T. */
const config: PairConfig = { ...pair, maxLength: longer, attentionDropout: 0 }
const pairOf = (name: string): PairConfig => ({ ...config, sharing: objectives[name]!.sharing ?? config.sharing })
const paramsOf = (name: string): PairParams => drawPair(pairOf(name), 1, objectives[name]!.heads)

/** Full rows, which know of no padding; and rows of 2 to 12 tokens, the longest among them. */
const full = hostBatch(2, B)
const cut = cutBlocks(specimenBlocks(64, T, pair.vocab, 5), (row) => 2 + ((row * 7) % 11))
const raggedRows = (from: number, to: number): PretrainBatch =>
  batchAt(cut, { batch: B, seed: 9, step: 2, maskRate: 0.3, rows: [from, to] })
const ragged = raggedRows(0, B)

/** Numbers with another in the places of padding. */
const filled = (ids: Int32Array, { isToken }: PretrainBatch, other: number): Int32Array =>
  ids.map((id, i) => (isToken![i] === 1 ? id : other))

/** Each row of a batch cut to `to` tokens or filled up to them. */
const widened = (host: PretrainBatch, from: number, to: number, fill = pad): PretrainBatch => {
  const rows = host.tokens.length / from
  const rowsOf = (data: ArrayLike<number>, beyond: number): number[] =>
    Array.from({ length: rows * to }, (_, i) => (i % to < from ? data[Math.floor(i / to) * from + (i % to)]! : beyond))
  const masked = Int32Array.from(rowsOf(host.masked, fill))
  return {
    ...host,
    tokens: Int32Array.from(rowsOf(host.tokens, fill)),
    masked,
    tokenOrder: ascendingOrder(masked, pair.vocab),
    isToken: Uint8Array.from(rowsOf(host.isToken ?? host.tokens.map(() => 1), 0)),
    rowCount: Float32Array.of(B),
  }
}

/** Loss, metrics and gradients of a batch, as numbers. */
const numbersOf = (
  name: string,
  host: PretrainBatch,
  width: number,
  of: (loss: LossFn<PairParams>) => LossFn<PairParams> = (loss) => loss,
  remat: Remat = 'none',
) => {
  const objective = of(objectives[name]!({ ...pairOf(name), remat }))
  const { value, grads, aux } = valueAndGradAux((p: PairParams) => {
    const { loss, metrics } = objective(p, asInputs(host, width), runKey)
    return { loss, aux: metrics }
  })(paramsOf(name))
  const logged = { loss: value, ...aux } as Readonly<Record<string, Expr>>
  const numbers = evaluate(exprLeaves(logged)).map((x) => x[0]!)
  return { logged: Object.fromEntries(Object.keys(logged).sort().map((key, i) => [key, numbers[i]!])), grads: valuesOf(grads) } // prettier-ignore
}
type Numbers = ReturnType<typeof numbersOf>

/** Every number alike, and one number: a sum of the same terms in the same order, with zeros between them. */
const assertSame = (got: Numbers, want: Numbers, tolerance = 0): void => {
  assert.equal(Object.keys(got.logged), Object.keys(want.logged))
  for (const [key, x] of Object.entries(want.logged)) assertClose([got.logged[key]!], [x], { tolerance, label: key })
  assert.equal([...got.grads.keys()], [...want.grads.keys()])
  for (const [path, g] of want.grads) assertClose(got.grads.get(path)!, g, { tolerance, label: path })
}

const sumOf = (parts: readonly Numbers[]): Numbers => ({
  logged: Object.fromEntries(
    Object.keys(parts[0]!.logged).map((key) => [key, parts.reduce((n, { logged }) => n + logged[key]!, 0)]),
  ),
  grads: new Map(
    [...parts[0]!.grads.keys()].map((path) => [
      path,
      parts[0]!.grads.get(path)!.map((_, i) => parts.reduce((n, { grads }) => n + grads.get(path)![i]!, 0)),
    ]),
  ),
})

/** Row b of the ragged batch by itself: as long as it is, of a batch that knows of no padding. */
const alone = (b: number): { readonly host: PretrainBatch; readonly length: number } => {
  const { isToken: _, ...row } = raggedRows(b, b + 1)
  const length = ragged.isToken!.subarray(b * T, (b + 1) * T).reduce((n, x) => n + x, 0)
  const { isToken: _all, ...host } = widened(row, T, length)
  return { host, length }
}

const names = Object.keys(objectives)

describe('training/objectives: padding', (test) => {
  for (const name of names) {
    test(`${name}: padding behind rows changes no bit of loss, metrics or gradients`, () => {
      const plain = numbersOf(name, full, T)
      assertSame(numbersOf(name, widened(full, T, longer), longer), plain)
      assertSame(numbersOf(name, widened(ragged, T, longer), longer), numbersOf(name, ragged, T))
      const { isToken: _, rowCount: _rows, ...blind } = widened(full, T, longer)
      assert.not.equal(numbersOf(name, blind, longer).logged, plain.logged, 'control: it does where it is not told')
    })

    test(`${name}: nor does it matter what stands there`, () => {
      const drawn = widened(ragged, T, longer)
      const other = { ...drawn, tokens: filled(drawn.tokens, drawn, 7), masked: filled(drawn.masked, drawn, 9) }
      const ordered = { ...other, tokenOrder: ascendingOrder(other.masked, pair.vocab) }
      assert.ok(ordered.tokens.includes(7) && !ordered.tokens.includes(pad))
      assertSame(numbersOf(name, ordered, longer), numbersOf(name, drawn, longer), 1e-14)
    })

    if (objectives[name]!.contrastsRows !== true)
      test(`${name}: a padded batch is its rows, each alone and as long as it is; so it is in micro-batches`, () => {
        const whole = numbersOf(name, ragged, T)
        const rows = Array.from({ length: B }, (_, b) => alone(b))
        assert.ok(new Set(rows.map(({ length }) => length)).size > 2, 'rows of several lengths')
        assertSame(sumOf(rows.map(({ host, length }) => numbersOf(name, host, length))), whole, 1e-12)
        assertSame(sumOf([numbersOf(name, raggedRows(0, 1), T), numbersOf(name, raggedRows(1, B), T)]), whole, 1e-12)
      })
  }

  test('a crop of a padded row is that of the row alone, padded', () => {
    const all = asInputs(ragged, T)
    const { ids, isToken } = cropped(all, batchKey(runKey, all))
    const [numbers, tokens] = evaluate([ids, isToken!])
    const width = ids.aval.shape[1]!
    const lengths = Array.from({ length: B }, (_, b) => {
      const { host, length } = alone(b)
      const row = asInputs(host, length)
      const want = evaluateOne(cropped(row, batchKey(runKey, row)).ids)
      const places = tokens!.slice(b * width, (b + 1) * width)
      assert.equal(
        [...places],
        Array.from({ length: width }, (_x, t) => (t < want.length ? 1 : 0)),
      )
      assert.equal(numbers!.slice(b * width, b * width + want.length), want)
      return length
    })
    assert.equal([...evaluateOne(rowLengths(all))], lengths)
    assert.equal([...evaluateOne(rowLengths(asInputs(full, T)))], lengths.map(() => T)) // prettier-ignore
    assert.equal([all, asInputs(full, T)].map((batch) => evaluateOne(rowsOf(batch))[0]), [B, B]) // prettier-ignore
  })

  for (const remat of ['attention', 'layers'] as const)
    test(`${remat} computed again: the same numbers`, () => {
      for (const name of ['t-nlrv5', 'coco-lm'])
        assertSame(numbersOf(name, ragged, T, undefined, remat), numbersOf(name, ragged, T))
    })

  for (const compute of ['f16', 'bf16'] as const)
    test(`in ${compute}: as in f32, to the last bit`, () => {
      const half = withPolicy({ compute }) as (loss: LossFn<PairParams>) => LossFn<PairParams>
      for (const name of ['t-nlrv5', 'coco-lm'])
        assertSame(numbersOf(name, widened(full, T, longer), longer, half), numbersOf(name, full, T, half))
      assert.not.equal(
        numbersOf('t-nlrv5', full, T, half).logged,
        numbersOf('t-nlrv5', full, T).logged,
        'control: it rounds',
      )
    })
})
