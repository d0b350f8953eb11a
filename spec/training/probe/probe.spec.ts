import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import * as E from 'fp-ts/Either'
import * as assert from 'uvu/assert'
import { threefry2x32 } from '../../../core'
import { fitLinear, readExamples } from '../../../training'
import { describe } from '../../harness'
import { temporary } from '../cli/run-cli'

/** About normal, of deviation 1. */
const noise = (n: number, seed: number): Float64Array =>
  Float64Array.from({ length: n }, (_, i) => {
    const [a, b] = threefry2x32(seed, 0, i, 0)
    return Math.sqrt(-2 * Math.log(((a >>> 0) + 0.5) / 2 ** 32)) * Math.cos((2 * Math.PI * (b >>> 0)) / 2 ** 32)
  })

describe('training/probe: a linear classifier', (test) => {
  const [N, D] = [600, 7]
  const x = noise(N * D, 1).map((v, i) => (i % D === 3 ? 100 * v + 5 : v)) // one column far larger than the others
  const accuracy = (found: Int32Array, labels: Int32Array): number =>
    found.filter((c, i) => c === labels[i]).length / labels.length

  test('finds two classes that a plane parts, on rows that it has not seen', () => {
    const label = (rows: Float64Array): Int32Array =>
      Int32Array.from({ length: rows.length / D }, (_, n) =>
        Number(rows[n * D]! - 2 * rows[n * D + 1]! + rows[n * D + 3]! / 100 > 0.3),
      )
    const other = noise(400 * D, 2).map((v, i) => (i % D === 3 ? 100 * v + 5 : v))
    const classify = fitLinear({ features: x, labels: label(x), width: D, classes: 2 })
    assert.ok(accuracy(classify(other), label(other)) > 0.96)
  })

  test('three classes around three places', () => {
    const labels = Int32Array.from({ length: N }, (_, n) => n % 3)
    const moved = x.map((v, i) => v + (i % D === labels[Math.floor(i / D)]! ? 4 : 0))
    assert.ok(accuracy(fitLinear({ features: moved, labels, width: D, classes: 3 })(moved), labels) > 0.95)
  })

  test('labels that have nothing to do with the features are not found', () => {
    const labels = Int32Array.from(noise(N, 9), (v) => Number(v > 0))
    const fresh = noise(400 * D, 5)
    const freshLabels = Int32Array.from(noise(400, 6), (v) => Number(v > 0))
    const found = accuracy(fitLinear({ features: x, labels, width: D, classes: 2 })(fresh), freshLabels)
    assert.ok(Math.abs(found - 0.5) < 0.1, String(found))
  })

  test('the slope of its loss is 0 where it ends: weights by scale do not matter', () => {
    const labels = Int32Array.from({ length: N }, (_, n) => Number(x[n * D]! > 0))
    const scaled = x.map((v, i) => (i % D === 2 ? 1e6 * v : v))
    const [one, other] = [x, scaled].map((f) => fitLinear({ features: f, labels, width: D, classes: 2 })(f))
    assert.equal(one, other)
  })
})

describe('training/probe: files of tasks', (test) => {
  const folder = temporary()
  const at = (name: string, text: string | Buffer): string => {
    writeFileSync(join(folder, name), text)
    return join(folder, name)
  }

  test('columns by name or number; quotes are characters; .gz; at most so many rows', async () => {
    const named = at('named.tsv', '\uFEFFlabel\tsentence\n1\tsay "no"\n0\t"open\n')
    const want = [
      { text: 'say "no"', label: '1' },
      { text: '"open', label: '0' },
    ]
    assert.equal(await readExamples(named, 'sentence', 'label')(), E.right(want))
    const bare = at('bare.tsv.gz', gzipSync('x\t1\t*\tsay "no"\nx\t0\t*\t"open\n'))
    assert.equal(await readExamples(bare, 3, 1)(), E.right(want))
    assert.equal(await readExamples(bare, 3, 1, 1)(), E.right(want.slice(0, 1)))
  })

  test('a column that is not there, a short row, no file: one clear fault', async () => {
    const faultOf = async (...args: Parameters<typeof readExamples>) => {
      const result = await readExamples(...args)()
      return E.isLeft(result) ? `${result.left.where}: ${result.left.expected}, got ${result.left.got}` : 'none'
    }
    const file = at('short.tsv', 'a\tb\n1\t2\n3\n')
    assert.is(await faultOf(file, 'c', 'a'), `${file}: a column "c", got "a", "b"`)
    assert.is(await faultOf(file, 'b', 'a'), `${file}:3: 2 columns, got 1`)
    assert.match(await faultOf(join(folder, 'nowhere.tsv'), 0, 1), /nowhere\.tsv: an existing file, got no such file/)
  })
})
