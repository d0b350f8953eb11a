import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as E from 'fp-ts/Either'
import * as assert from 'uvu/assert'
import { evaluateOne, iota, lt, ops, reshape, take, tensor, treeOf, type Expr } from '../../core'
import { mainHidden, mainTable, type PairParams } from '../../models'
import { decodeSafetensors, type StoredTensor } from '../../training/checkpoint/safetensors'
import { openPair, type SavedPair } from '../../training/correct/open'
import { exportHuggingFace, importHuggingFace } from '../../training/exchange'
import { openBeginning } from '../../training/finetune/saved'
import { describe } from '../harness'
import { assertClose } from '../kit/assert-close'
import { temporary } from '../training/cli/run-cli'
import { run } from './python'
import { torchPython } from './torch'

// spec: long

const program = fileURLToPath(new URL('hf_models.py', import.meta.url))
const folder = temporary()
const vocabulary = join(folder, 'vocab.txt')
const words = Array.from({ length: 53 }, (_, i) => `word${i}`)
writeFileSync(vocabulary, `${['[CLS]', '[PAD]', '[SEP]', '[UNK]', '[MASK]', ...words].join('\n')}\n`)

const rows = [
  [0, 7, 8, 31, 4, 12, 40, 2],
  [0, 50, 9, 2],
  [0, 6, 4, 22, 2],
]
const T = 8
const padded = rows.map((row) => [...row, ...Array.from({ length: T - row.length }, () => 1)])
/** Places that are tokens. */
const real = rows.flatMap((row, b) => row.map((_, i) => b * T + i))

interface Answer {
  readonly shape: readonly number[]
  readonly hidden: readonly number[]
  readonly logits?: readonly number[]
}

const right = <A>(result: E.Either<unknown, A>): A => {
  if (E.isLeft(result)) throw new Error(JSON.stringify(result.left))
  return result.right
}

const names = {
  BertModel: false,
  BertForMaskedLM: true,
  BertForPreTraining: true,
  RobertaModel: false,
  RobertaForMaskedLM: true,
  ElectraModel: false,
  ElectraForPreTraining: false,
  MPNetModel: false,
  MPNetForMaskedLM: true,
} as const

/** What transformers computes, of all models by one process: starting it takes longer. null where there is none. */
const askAll = async (): Promise<Readonly<Record<string, Answer>> | null> => {
  const python = await torchPython()
  if (python === null) return null
  if ((await run(python, ['-c', 'import transformers'], '')).code !== 0) {
    console.log('\nnot compared with transformers: this Python has none')
    return null
  }
  const args = [program, folder, vocabulary, ...Object.keys(names)]
  const { code, stdout, stderr } = await run(python, args, JSON.stringify(rows))
  assert.is(code, 0, stderr)
  return JSON.parse(stdout) as Readonly<Record<string, Answer>>
}
let asked: ReturnType<typeof askAll> | undefined
const made = async (name: string): Promise<Answer | null> => {
  asked ??= askAll()
  return (await asked)?.[name] ?? null
}

/** Hidden states and logits of the rows by our own definition, in float64. */
const computed = ({ config, checkpoint, avals, traits }: SavedPair) => {
  const leaves = [...avals].map(([name, { shape }]) => {
    const data = Array.from(checkpoint.arrays.get(name)!)
    return [name.slice('params/'.length), ops.constantArray({ data, shape, dtype: 'f32' })] as const
  })
  const params = treeOf<Expr>(leaves) as PairParams
  const lengths = tensor(
    rows.map((row) => [row.length]),
    'i32',
  )
  const isToken = lt(iota([rows.length, T], 1), lengths)
  const hidden = mainHidden(config, params, take(mainTable(params), tensor(padded, 'i32')), null, isToken)
  const logits = traits.reading.language?.(params, reshape(hidden, [rows.length * T, config.hidden]), config)
  return { hidden: evaluateOne(hidden), logits: logits && evaluateOne(logits) }
}

const atTokens = (x: ArrayLike<number>, width: number): readonly number[] =>
  real.flatMap((place) => Array.from({ length: width }, (_, i) => x[place * width + i]!))

const tensorsOf = (dir: string): ReadonlyMap<string, StoredTensor> =>
  right(decodeSafetensors(readFileSync(join(dir, 'model.safetensors')), dir)).tensors

describe('parity: imported encoders', (test) => {
  for (const [name, hasHead] of Object.entries(names))
    test(`${name}: hidden states of padded rows${hasHead ? ' and logits' : ''} to 1e-5`, async () => {
      const want = await made(name)
      if (want === null) return
      const out = join(folder, `${name}-in`)
      const imported = right(await importHuggingFace(join(folder, name), out)())
      assert.is(imported.hasLanguage, hasHead)
      const pair = right(await openPair(out)())
      const got = computed(pair)
      assert.equal(want.shape, [3, T, 16])
      assertClose(atTokens(got.hidden, 16), atTokens(want.hidden, 16), { tolerance: 1e-5, label: 'hidden' })
      assert.is(got.logits !== undefined, hasHead)
      if (hasHead)
        assertClose(atTokens(got.logits!, 60), atTokens(want.logits!, 60), { tolerance: 1e-5, label: 'logits' })
      const other = computed({ ...pair, config: { ...pair.config, normEps: 1e-5 } })
      assert.ok(
        atTokens(other.hidden, 16).some((x, i) => Math.abs(x - atTokens(want.hidden, 16)[i]!) > 1e-4),
        'control: another eps gives other states',
      )
      assert.is(right(await openBeginning(out)()).learned.size, 2 + 2 + 12 * 2 + Number(name.startsWith('MPNet')))
    })

  for (const name of ['BertModel', 'MPNetModel'])
    test(`${name}: exported again it is equal, but for what was folded`, async () => {
      if ((await made(name)) === null) return
      const [there, back] = [join(folder, `${name}-there`), join(folder, `${name}-back`)]
      right(await importHuggingFace(join(folder, name), there)())
      right(await exportHuggingFace(right(await openPair(there)()), back)())
      const [before, after] = [tensorsOf(join(folder, name)), tensorsOf(back)]
      const types = before.get('embeddings.token_type_embeddings.weight')?.data as Float32Array | undefined
      const first = name === 'MPNetModel' ? 2 * 16 : 0
      for (const [path, { shape, data }] of after) {
        if (path === 'embeddings.token_type_embeddings.weight') continue
        const was = before.get(path)!
        assert.equal(shape, was.shape, path)
        const numbers = was.data as Float32Array
        if (path !== 'embeddings.position_embeddings.weight') assert.equal([...data], [...numbers], path)
        else
          assert.equal(
            [...data.slice(first)],
            [...numbers.slice(first).map((x, i) => x + (types?.[i % 16] ?? 0))],
            path,
          )
      }
      const left = [...before.keys()].filter((path) => !after.has(path))
      assert.equal(
        left,
        left.filter((path) => path.startsWith('pooler.')),
      )
    })
})
