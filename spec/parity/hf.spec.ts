import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as E from 'fp-ts/Either'
import * as assert from 'uvu/assert'
import { evaluateOne, ops, take, tensor, treeOf, type Expr } from '../../core'
import { mainHidden, mainTable, type PairParams } from '../../models'
import { openPair } from '../../training/correct/open'
import { describe } from '../harness'
import { assertClose } from '../kit/assert-close'
import { emend, smallSettings, workshop } from '../training/cli/run-cli'
import { run } from './python'
import { torchPython } from './torch'

// spec: long

const program = fileURLToPath(new URL('hf_encoder.py', import.meta.url))
const { folder, text } = workshop()
const rows = [0, 1, 2].map((b) =>
  Array.from({ length: 13 }, (_, i) => (i === 0 ? 0 : i === 12 ? 2 : 5 + ((7 * i + 31 * b) % 270))),
)

/** The main model's last hidden states of `rows`, by our own definition, in float64. */
const ours = async (from: string): Promise<Float64Array> => {
  const pair = await openPair(from)()
  if (E.isLeft(pair)) throw new Error(JSON.stringify(pair.left))
  const { config: model, checkpoint, avals } = pair.right
  const leaves = [...avals].map(([name, { shape }]) => {
    const data = Array.from(checkpoint.arrays.get(name)!)
    return [name.slice('params/'.length), ops.constantArray({ data, shape, dtype: 'f32' })] as const
  })
  const params = treeOf<Expr>(leaves) as PairParams
  return evaluateOne(mainHidden(model, params, take(mainTable(params), tensor(rows, 'i32')), null))
}

/** The folder of a short run of a small pair. */
const trained = async (name: string, settings: object, ...more: readonly string[]): Promise<string> => {
  const [out, file] = [join(folder, name), join(folder, `${name}.json`)]
  writeFileSync(file, JSON.stringify({ ...smallSettings, steps: 6, device: 'wasm', ...settings }))
  const ran = await emend(['pretrain', '--corpus', text, '--config', file, '--out', out, ...more])
  assert.is(ran.code, 0, ran.stderr)
  return out
}

describe('parity: exported encoders', (test) => {
  for (const [positions, sharing, type, sizes] of [
    ['relative', 'token', 'layoutlmv3', {}],
    ['relative-t5', 'token-pos-norm', 'mpnet', { buckets: 32, maxDistance: 128 }],
    ['absolute', 'gdes', 'bert', {}],
  ] as const)
    test(`${positions}: as ${type}, the same hidden states to 1e-5 by torch.nn, and by transformers where that is`, async () => {
      const python = await torchPython()
      if (python === null) return
      const from = await trained(positions, sizes, '--positions', positions, '--sharing', sharing)
      const to = join(folder, `${positions}-export`)
      const exported = await emend(['export', '--from', from, '--out', to])
      assert.is(exported.code, 0, exported.stderr)
      const said = JSON.parse(readFileSync(join(to, 'config.json'), 'utf8')) as { readonly model_type: string }
      assert.is(said.model_type, type)
      const want = await ours(from)
      const hasTransformers = (await run(python, ['-c', 'import transformers'], '')).code === 0
      if (!hasTransformers) console.log('\nnot compared with transformers: this Python has none')
      for (const how of ['torch', ...(hasTransformers ? ['transformers'] : [])]) {
        const { code, stdout, stderr } = await run(python, [program, to, how], JSON.stringify(rows))
        assert.is(code, 0, stderr)
        const got = JSON.parse(stdout) as { readonly shape: readonly number[]; readonly data: readonly number[] }
        assert.equal(got.shape, [3, 13, 16])
        assertClose(got.data, want, { tolerance: 1e-5, label: how })
      }
    })

  test('control: other ids give other states', async () => {
    const python = await torchPython()
    if (python === null) return
    const to = join(folder, 'relative-export')
    const other = rows.map((row) => row.map((id, i) => (i === 4 ? 7 : id)))
    const { stdout } = await run(python, [program, to, 'torch'], JSON.stringify(other))
    const got = (JSON.parse(stdout) as { readonly data: readonly number[] }).data
    const want = await ours(join(folder, 'relative'))
    assert.ok(got.some((x, i) => Math.abs(x - want[i]!) > 1e-2))
  })

  test('what transformers cannot compute is refused by name, and nothing is written', async () => {
    for (const [flag, value, message] of [
      ['--positions', 'tupe-r', /positions absolute, relative or relative-t5, got positions = tupe-r/],
      ['--init', 'deepnorm', /whose residual stream is not scaled, got init = deepnorm/],
    ] as const) {
      const from = await trained(value, {}, flag, value)
      const exported = await emend(['export', '--from', from, '--out', join(folder, 'none')])
      assert.is(exported.code, 2)
      assert.match(exported.stderr, message)
      assert.throws(() => readFileSync(join(folder, 'none', 'config.json')))
    }
  })

  test('a folder without a run, a place that cannot be written: one clear error', async () => {
    const none = await emend(['export', '--from', join(folder, 'nowhere'), '--out', join(folder, 'none')])
    assert.is(none.code, 2)
    assert.match(none.stderr, /--from: expected a folder of a run, or a checkpoint, got ENOENT/)
    const file = await emend(['export', '--from', join(folder, 'relative'), '--out', text])
    assert.is(file.code, 3)
    assert.match(file.stderr, /--out: expected a folder that can be written, got E/)
  })
})
