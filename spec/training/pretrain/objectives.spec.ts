import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as E from 'fp-ts/Either'
import * as assert from 'uvu/assert'
import { latestCheckpoint, type Checkpoint } from '../../../training/checkpoint/checkpoint'
import { openPair, trainedMain } from '../../../training/correct/open'
import { showFault, type Fault } from '../../../training/fault'
import { objectives } from '../../../training/objectives'
import { decideConfig } from '../../../training/pretrain/config'
import { pretrain, type RunResult } from '../../../training/pretrain/run'
import { describe } from '../../harness'
import { smallSettings, workshop } from '../cli/run-cli'

const { folder, text } = workshop()
const steps = 3
/** With dropout, so that the ways of the auxiliary differ. */
const settings = {
  ...smallSettings,
  corpus: [text],
  steps,
  saveEvery: 2,
  dropout: 0.1,
  attentionDropout: 0.1,
  device: 'wasm',
  threads: 1,
}

const runOf = async (
  objective: string,
  more: Readonly<Record<string, unknown>> = {},
  resume = false,
): Promise<E.Either<Fault, RunResult>> => {
  const flags = { ...settings, objective, out: join(folder, objective), ...more }
  const config = decideConfig({}, flags)
  if (E.isLeft(config)) throw new Error(JSON.stringify(config.left))
  return pretrain(config.right, resume)()
}
const right = <A>(e: E.Either<Fault, A>): A => {
  if (E.isLeft(e)) throw new Error(showFault(e.left))
  return e.right
}
const faultOf = (e: E.Either<Fault, unknown>): string => (E.isLeft(e) ? showFault(e.left) : 'no fault')
const saved = async (name: string): Promise<Checkpoint> => right(await latestCheckpoint(join(folder, name))())!
const bits = (data: ArrayLike<number>): string => Buffer.from(Float32Array.from(data).buffer).toString('hex')
const auxFrom = join(folder, 'mlm') // the first of the objectives below that is trained

const names = ['mlm', ...Object.keys(objectives).filter((name) => name !== 'mlm')]

describe('training/pretrain: objectives', (test) => {
  for (const name of names)
    test(`${name} trains: its terms are finite, its own parameters are in the checkpoint and move`, async () => {
      const taken = objectives[name]!.frozen === undefined ? {} : { auxFrom }
      const { records, snapshots, isDone } = right(await runOf(name, taken))
      assert.ok(isDone)
      assert.is(records.length, steps)
      for (const { loss, gradNorm, metrics } of records)
        for (const [term, value] of Object.entries({ loss, gradNorm, ...metrics }))
          assert.ok(Number.isFinite(value), `${term}: ${value}`)
      const { arrays } = await saved(name)
      const own = (objectives[name]!.heads ?? []).map((head) => head.name)
      for (const head of own)
        assert.ok(
          [...arrays.keys()].some((path) => path.startsWith(`params/head/${head}/`)),
          head,
        )
      const heads = [...arrays.keys()].flatMap((path) => /^params\/head\/([^/]+)\//.exec(path)?.[1] ?? [])
      assert.equal([...new Set(heads)].sort(), ['clm', 'mlm', 'rtd', ...own].sort())
      const { detection } = snapshots.at(-1)!.evaluation
      assert.is(typeof detection, name === 'mlm' ? 'undefined' : 'number')
    })

  test('a run of one with heads of its own resumes bit for bit', async () => {
    const whole = await saved('electra')
    const out = join(folder, 'electra-in-two')
    right(await runOf('electra', { out, saveEvery: 1 }))
    // What a run leaves that was stopped after its second step.
    const { rm } = await import('node:fs/promises')
    await rm(join(out, 'step-00000003.safetensors'))
    right(await runOf('electra', { out, saveEvery: 1 }, true))
    const resumed = right(await latestCheckpoint(out)())!
    for (const [path, data] of whole.arrays) assert.is(bits(resumed.arrays.get(path)!), bits(data), path)
  })

  test('frozen-aux: the auxiliary, its head and its table are bit for bit those of the run that they came from', async () => {
    const [before, after] = [await saved('mlm'), await saved('frozen-aux')]
    let compared = 0
    for (const [path, data] of after.arrays) {
      const source =
        path === 'params/aux/embedding/token' // which the source shares with its main model
          ? 'params/embedding/token'
          : /^params\/(aux|head\/mlm)\//.test(path)
            ? path
            : undefined
      if (source === undefined) continue
      assert.is(bits(data), bits(before.arrays.get(source)!), path)
      compared += 1
    }
    assert.ok(compared > 10)
    const moved = (name: string): boolean => bits(after.arrays.get(name)!) !== bits(before.arrays.get(name)!)
    assert.ok(moved('params/embedding/token'), 'control: what is trained moves')
    assert.not(moved('params/head/mlm/bias'))
    assert.equal(after.header.tokenizer, before.header.tokenizer)
    assert.not.ok([...after.arrays.keys()].some((path) => /^optimizer\/.*\/aux\//.test(path)))
    assert.ok(
      [...before.arrays.keys()].some((path) => /^optimizer\/.*\/aux\//.test(path)),
      'control',
    )
  })

  test('control: without it, decay alone moves an auxiliary that has no gradient', async () => {
    const [one, other] = [await saved('random-replace'), await saved('mlm-only')]
    const path = 'params/aux/layers/layer00/norm1/weight'
    assert.ok(Array.from(one.arrays.get(path)!).every((x) => x < 1))
    assert.ok(Array.from(other.arrays.get(path)!).every((x) => x < 1))
  })

  test('a frozen auxiliary resumes without the run that it came from', async () => {
    right(await runOf('frozen-aux', { steps: 3 }, true))
  })

  test('frozen-aux without a run to take it from, or with one that does not fit, is refused before anything is written', async () => {
    assert.is(
      faultOf(await runOf('frozen-aux', { out: join(folder, 'none') })),
      '--aux-from: expected a run whose auxiliary has learned, got none\n' +
        '  at --objective frozen-aux\n' +
        '  help: train one with --objective mlm, then give its folder',
    )
    const wide = await runOf('frozen-aux', { out: join(folder, 'none'), auxFrom, hidden: 32 })
    assert.match(faultOf(wide), /^checkpoint tensor params\/aux\/.*: expected f32\[.*32\], got f32\[.*16\]/)
    const far = await runOf('frozen-aux', { out: join(folder, 'none'), auxFrom, maxDistance: 17 })
    assert.match(faultOf(far), /^--aux-from: expected maxDistance = 17, got 16/)
    const lost = await runOf('frozen-aux', { out: join(folder, 'none'), auxFrom: join(folder, 'nowhere') })
    assert.match(faultOf(lost), /^--aux-from: expected a folder of a run, or a checkpoint/)
    const needless = await runOf('t-nlrv5', { out: join(folder, 'none'), auxFrom })
    assert.match(
      faultOf(needless),
      /^--aux-from: expected an objective with a frozen auxiliary, as frozen-aux, got t-nlrv5/,
    )
  })

  test('contrasted rows: one at a time is refused; how many are computed at once belongs to the run', async () => {
    const out = join(folder, 'pairs')
    assert.match(
      faultOf(await runOf('coco-lm', { out, microBatch: 1 })),
      /^--micro-batch: expected at least 2 rows, which it contrasts, got 1\n {2}at --objective coco-lm/,
    )
    right(await runOf('coco-lm', { out, microBatch: 2, evalBatches: 0 }))
    assert.match(
      faultOf(await runOf('coco-lm', { out, microBatch: 4, evalBatches: 0 }, true)),
      /microBatch = 2.*got microBatch = 4/,
    )
  })

  test('a pair is read by the heads of its objective; one that trained no main model is refused', async () => {
    for (const [name, language] of [
      ['electra', false],
      ['clm-only', true],
      ['t-nlrv5', true],
    ] as const) {
      const { traits, avals } = right(await openPair(join(folder, name))())
      assert.is(traits.reading.language !== undefined, language, name)
      assert.is(avals.has('params/head/electra/out/weight'), name === 'electra')
    }
    const aux = right(await openPair(auxFrom)())
    assert.match(faultOf(trainedMain(aux)), /^--from: expected a run that trained the main model, got one of mlm/)
    const detector = right(await openPair(join(folder, 'electra'))())
    assert.is(faultOf(trainedMain(detector)), 'no fault')
    assert.match(faultOf(trainedMain(detector, 'language')), /main model's language model, got one of electra/)
  })

  test('masks by words, kept and random tokens: such a run is another, repeats itself and resumes only as it was', async () => {
    const masking = { maskRate: 0.3, maskKeep: 0.1, maskRandom: 0.1, wholeWord: true, evalBatches: 0 }
    const out = join(folder, 'masking')
    const first = right(await runOf('mlm', { out, ...masking }))
    const again = right(await runOf('mlm', { out, ...masking }))
    const losses = ({ records }: RunResult): readonly number[] => records.map((r) => r.loss)
    assert.equal(losses(again), losses(first))
    for (const key of Object.keys(masking).filter((k) => k !== 'evalBatches')) {
      const { [key]: _, ...less } = masking as Readonly<Record<string, unknown>>
      assert.not.equal(losses(right(await runOf('mlm', { ...less, out: join(folder, 'less') }))), losses(first), key)
    }
    assert.match(
      faultOf(await runOf('mlm', { ...masking, out, maskKeep: 0.2 }, true)),
      /maskKeep = 0\.1.*maskKeep = 0\.2/,
    )
  })

  test("a user's objective says wrongly of itself what it has: one fault that names the file", async () => {
    const module = join(folder, 'wrong.mjs')
    writeFileSync(
      module,
      `const loss = () => () => ({})
       export const heads = Object.assign(() => loss, { heads: [{}] })
       export const reading = Object.assign(() => loss, { reading: { orignal: () => 0 } })
       export const frozen = Object.assign(() => loss, { frozen: { aux: 1 } })
       export const sharing = Object.assign(() => loss, { sharing: 'all' })`,
    )
    for (const [name, expected] of [
      ['heads', 'a list of what defineHead gives as "heads"'],
      ['reading', 'functions "original" or "language" as "reading"'],
      ['frozen', 'a list of starts of paths as "frozen"'],
      ['sharing', 'none | token | token-pos | token-pos-norm | gdes as "sharing"'],
    ] as const) {
      const fault = faultOf(await runOf(`${module}#${name}`, { out: join(folder, 'none') }))
      assert.ok(fault.startsWith(`--objective: expected ${expected}`) && fault.includes(module), fault)
    }
  })
})
