import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as E from 'fp-ts/Either'
import * as assert from 'uvu/assert'
import { readCheckpoint, writeCheckpoint } from '../../../training/checkpoint/checkpoint'
import { tokensOfStep } from '../../../training/data/batch'
import { openTokenizer } from '../../../training/data/tokenizer/file/open'
import { buildCorpus } from '../../../training/data/shards/build'
import { localEncoder } from '../../../training/data/shards/encoder'
import { showFault, type Fault } from '../../../training/fault'
import type { StepRecord } from '../../../training/loop'
import { objectives } from '../../../training/objectives'
import { isPaddedCorpus } from '../../../training/pretrain/built-corpus'
import { decideConfig } from '../../../training/pretrain/config'
import { pretrain, type RunResult } from '../../../training/pretrain/run'
import { describe } from '../../harness'
import { assertClose } from '../../kit'
import { plainText, smallSettings, temporary } from '../cli/run-cli'

const folder = temporary()
const text = join(folder, 'text.jsonl')
/** Documents of 1 to 12 sentences, fewer tokens than rows have places. */
writeFileSync(text, Array.from({ length: 120 }, (_, i) => JSON.stringify({ text: plainText(1 + (i % 12)) })).join('\n'))

const steps = 4
const settings = { ...smallSettings, corpus: [text], packing: 'complete-doc', steps, saveEvery: 1, keep: 9, dropout: 0.1, attentionDropout: 0.1, device: 'wasm', threads: 1 } // prettier-ignore
type More = Readonly<Record<string, unknown>>
const runOf = async (out: string, more: More = {}, resume = false): Promise<E.Either<Fault, RunResult>> => {
  const config = decideConfig({}, { ...settings, out: join(folder, out), ...more })
  if (E.isLeft(config)) throw new Error(JSON.stringify(config.left))
  return pretrain(config.right, resume)()
}
const right = <A>(e: E.Either<Fault, A>): A => {
  if (E.isLeft(e)) throw new Error(showFault(e.left))
  return e.right
}
const timeless = ({ tokensPerSecond: _, ...rest }: StepRecord) => rest
const lines = ({ records }: RunResult) => records.map(timeless)
const fileOf = (out: string, step: number): string => join(folder, out, `step-0000000${step}.safetensors`)
const names = ['mlm', ...Object.keys(objectives).filter((name) => name !== 'mlm')] // the first is taken by frozen ones

describe('training/pretrain: padded rows', (test) => {
  for (const objective of names)
    test(`${objective} trains on them; its log counts tokens, not places`, async () => {
      const taken = objectives[objective]!.frozen === undefined ? {} : { auxFrom: join(folder, 'mlm') }
      const { records, run, snapshots } = right(await runOf(objective, { objective, ...taken }))
      let tokens = 0
      for (const [step, { loss, gradNorm, metrics, ...record }] of records.entries()) {
        for (const [term, value] of Object.entries({ loss, gradNorm, ...metrics })) assert.ok(Number.isFinite(value), `${term}: ${value}`) // prettier-ignore
        const { batch, seed } = run.config
        tokens += tokensOfStep(right(await run.corpus.train.sample(1e9)()), { batch, seed, step })
        assert.is(record.tokens, tokens)
      }
      assert.ok(tokens < steps * 4 * 16)
      assert.is(typeof snapshots.at(-1)!.evaluation.detection, objective === 'mlm' ? 'undefined' : 'number')
    })

  for (const objective of ['t-nlrv5', 'coco-lm'])
    test(`${objective}, stopped after any step and resumed: bit for bit the run that was not`, async () => {
      const whole = right(await runOf(objective, { objective }))
      for (const at of [1, 3]) {
        const out = `${objective}-from-${at}`
        right(await runOf(out, { objective }))
        for (let step = at + 1; step <= steps; step += 1) rmSync(fileOf(out, step))
        assert.equal(lines(right(await runOf(out, { objective }, true))), lines(whole))
        assert.ok(readFileSync(fileOf(out, steps)).equals(readFileSync(fileOf(objective, steps))))
      }
    })

  test('in micro-batches: the same step, up to the order of summation', async () => {
    const [whole, cut] = [right(await runOf('whole', { steps: 1 })), right(await runOf('cut', { steps: 1, microBatch: 1 }))] // prettier-ignore
    const [a, b] = [whole, cut].map(({ records: [first] }) => first!)
    assert.is(a!.tokens, b!.tokens)
    for (const key of ['loss', 'gradNorm'] as const) assertClose([b![key]], [a![key]], { tolerance: 1e-5, label: key })
    assertClose(Object.values(b!.metrics), Object.values(a!.metrics), { tolerance: 1e-5 })
  })

  test('on shards it is the run on text; folders are told padded if one of them is', async () => {
    const onText = right(await runOf('on-text'))
    const tokenizer = right(await openTokenizer(join(folder, 'on-text', 'tokenizer.json'))())
    const built = async (out: string, packing: 'stream' | 'complete-doc') => {
      const plan = { out: join(folder, out), files: [text], packing, seqLength: 16, heldOut: 0.05, tokenizer, unit: 'paragraph', shardTokens: 400 } as const // prettier-ignore
      right(await buildCorpus(plan, right(localEncoder(tokenizer, { unit: 'paragraph' })))())
      return plan.out
    }
    const [padded, stream] = [await built('padded', 'complete-doc'), await built('stream', 'stream')]
    assert.equal(lines(right(await runOf('on-shards', { corpus: [padded] }))), lines(onText))
    for (const [corpus, want] of [
      [[padded], true],
      [[stream], false],
      [[stream, padded], true],
      [[text], false],
    ] as const)
      // prettier-ignore
      assert.is(right(await isPaddedCorpus({ corpus })()), want)
    assert.is(right(await isPaddedCorpus({ corpus: [text], packing: 'complete' })()), true)
  })

  test('a checkpoint of a model that took padding for tokens is not gone on with', async () => {
    right(await runOf('before', { steps: 2 }))
    for (const step of [1, 2]) {
      const { header, arrays, avals } = right(await readCheckpoint(fileOf('before', step))())
      const { padding: _, ...config } = header.config
      const { format: _format, sha256: _sha256, tokens: _tokens, ...kept } = header
      right(await writeCheckpoint(join(folder, 'before'), { ...kept, config }, arrays, avals, 9)())
    }
    const refused = await runOf('before', { steps: 2 }, true)
    assert.match(E.isLeft(refused) ? showFault(refused.left) : 'resumed', /^--resume: expected the config of the checkpoint \(padding = nothing\), got padding = "left out"/) // prettier-ignore
  })
})
