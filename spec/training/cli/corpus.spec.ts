import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as E from 'fp-ts/Either'
import * as assert from 'uvu/assert'
import { trainTokenizer } from '../../../training/data/tokenizer/train/train-bpe'
import { showFault } from '../../../training/fault'
import { loadCorpus } from '../../../training/pretrain/corpus'
import { describe } from '../../harness'
import { emend, jsonLines, plainText, smallSettings, workshop, type CliResult } from './run-cli'

const { folder, text, config: _plain } = workshop()
const put = (name: string, contents: string | Uint8Array): string => {
  const path = join(folder, name)
  writeFileSync(path, contents)
  return path
}
const tokenizerFile = (name: string, vocabSize: number): string => {
  const trained = trainTokenizer([plainText(400)], { vocabSize })
  if (E.isLeft(trained)) throw new Error(trained.left.got)
  return put(name, JSON.stringify(trained.right.toJson()))
}
const tokenizer = tokenizerFile('tokenizer.json', smallSettings.vocab)
const rows = (name: string, n: number, sentences: number): string =>
  put(name, Array.from({ length: n }, (_, i) => JSON.stringify({ text: plainText(sentences + i) })).join('\n'))

/** Dropout on: what is drawn is part of what must come again. */
const config = put('dropout.json', JSON.stringify({ ...smallSettings, dropout: 0.1, attentionDropout: 0.1 }))
const build = (out: string, corpus: string, ...more: readonly string[]): Promise<CliResult> =>
  emend(['corpus', 'build', '--json', '--corpus', corpus, '--tokenizer', tokenizer, '--out', join(folder, out), '--seq', '16', ...more]) // prettier-ignore
const train = (out: string, corpus: readonly string[], ...more: readonly string[]): Promise<CliResult> =>
  emend(['pretrain', '--json', '--corpus', ...corpus, '--config', config, '--out', join(folder, out), ...more])
const fine = async (running: Promise<CliResult>): Promise<CliResult> => {
  const result = await running
  assert.is(result.code, 0, result.stderr)
  return result
}
const timeless = ({ tokensPerSecond: _, checkpoint: _path, report: _report, ...rest }: Readonly<Record<string, unknown>>) => rest // prettier-ignore
const lines = ({ stdout }: CliResult) => jsonLines(stdout).map(timeless)
const shards = (out: string): Readonly<Record<string, string>> =>
  Object.fromEntries(readdirSync(join(folder, out)).sort().map((name) => [name, readFileSync(join(folder, out, name), 'latin1')])) // prettier-ignore

// Twenty-five blocks: twelve steps of four rows are two epochs of it.
const smallText = put('few.txt', plainText(60))
const [first, second] = [join(folder, 'first'), join(folder, 'second')]
const built = (async () => {
  await fine(build('first', text, '--shard-tokens', '2000'))
  await fine(build('second', smallText, '--shard-tokens', '100', '--held-out', '0.2'))
})()

describe('training/cli: corpus', (test) => {
  test('build tells each shard, then what there is; inspect counts, verifies and shows', async () => {
    const result = await fine(build('told', rows('told.jsonl', 6, 20), '--shard-tokens', '1000', '--held-out', '0.3', '--packing', 'complete-doc')) // prettier-ignore
    const all = jsonLines(result.stdout)
    const last = all.at(-1) as { train: { documents: number; blocks: number; shards: number }; fingerprint: string }
    assert.is(last.train.documents, 4)
    assert.is(all.filter((line) => line['set'] === 'train').length, last.train.shards)
    const inspected = await fine(
      emend(['corpus', 'inspect', join(folder, 'told'), '--verify', '--json', '--show', '3']),
    )
    const answer = JSON.parse(inspected.stdout) as { verified: boolean; packing: string; fingerprint: string; train: { blocks: number; padding: number }; shown: readonly { text: string }[] } // prettier-ignore
    assert.equal([answer.verified, answer.packing, answer.fingerprint], [true, 'complete-doc', last.fingerprint])
    assert.is(answer.train.blocks, last.train.blocks)
    assert.ok(answer.train.padding > 0)
    assert.is(answer.shown.length, 6)
    assert.match(answer.shown[0]!.text, /^\[CLS\]\w/)
    const people = await fine(emend(['corpus', 'inspect', join(folder, 'told')]))
    assert.match(people.stdout, /train +\d+ blocks in \d+ shards: \d+ tokens and \d+ of padding from 4 documents/)
  })

  test('--prepare: the text as COCO-LM has it; inspect tells', async () => {
    const corpus = put('quoted.txt', 'The “people” shall.\n\nThe nation’s (great) congress.')
    await fine(build('prepared', corpus, '--prepare', 'coco-lm', '--held-out', '0', '--packing', 'complete', '--seq', '80')) // prettier-ignore
    const inspected = await fine(emend(['corpus', 'inspect', join(folder, 'prepared'), '--show', '1']))
    assert.match(inspected.stdout, /packing complete, by paragraph, prepared as coco-lm/)
    assert.match(inspected.stdout, /\[CLS\]The " people " shall \.\[SEP\]The nation's \( great \) congress \.\[SEP\]/)
    const json = async (name: string): Promise<unknown> =>
      (JSON.parse((await fine(emend(['corpus', 'inspect', join(folder, name), '--json']))).stdout) as { prepare: string }).prepare // prettier-ignore
    await built
    assert.equal([await json('prepared'), await json('first')], ['coco-lm', 'none'])
  })

  test('killed in the midst and begun again, and stopped by SIGTERM and begun again: the same files', async () => {
    const corpus = rows('long.jsonl', 60, 60)
    const args = ['--shard-tokens', '1000', '--held-out', '0.1', '--threads', '2']
    await fine(build('long', corpus, ...args))
    for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
      const out = `long-${signal}`
      let isSent = false
      const command = ['corpus', 'build', '--json', '--corpus', corpus, '--tokenizer', tokenizer, '--out', join(folder, out), '--seq', '16'] // prettier-ignore
      const ended = await emend([...command, ...args], {
        watch: (stdout, child) => {
          if (!isSent && jsonLines(stdout.slice(0, stdout.lastIndexOf('\n'))).length >= 3) isSent = child.kill(signal)
        },
      })
      assert.is(ended.code, signal === 'SIGKILL' ? null : 130, ended.stderr)
      assert.not.ok(existsSync(join(folder, out, 'manifest.json')))
      const refused = await train('never', [join(folder, out)])
      assert.match(refused.stderr, /--corpus: expected .*manifest\.json, got an unfinished build/)
      const again = await fine(build(out, corpus, '--shard-tokens', '1000', '--held-out', '0.1', '--threads', '1'))
      assert.ok((jsonLines(again.stdout).at(-1)!['kept'] as number) >= 3)
      assert.equal(shards(out), shards('long'))
    }
  })

  test('bad options are told at once, and nothing is made', async () => {
    for (const [args, words] of [
      [['--seq', '1'], /seqLength: expected|seqLength/],
      [['--seq', 'many'], /--seq: expected a whole number > 0, got "many"/],
      [['--prepare', 'bert'], /--prepare: expected none \| coco-lm, got "bert"/],
      [['--packing', 'tight'], /--packing: expected stream \| complete \| complete-doc, got "tight"/],
      [['--held-out', '1.5'], /--held-out: expected a share in \[0, 1\), or files, got 1\.5/],
      [['--held-out', 'nowhere.txt'], /nowhere\.txt/],
      [['--tokenizer', 'nowhere.json'], /tokenizer: expected a readable file, got no such file/],
      [['--threads', '0'], /--threads: expected a whole number > 0/],
    ] as const) {
      const { code, stderr } = await emend(['corpus', 'build', '--corpus', text, '--tokenizer', tokenizer, '--out', join(folder, 'none'), ...args]) // prettier-ignore
      assert.is(code, 2, stderr)
      assert.match(stderr, words)
      assert.not.ok(existsSync(join(folder, 'none')))
    }
    assert.match((await emend(['corpus', 'inspect', folder])).stderr, /corpus manifest: expected a readable JSON file/)
  })
})

describe('training/cli: pretrain on shards', (test) => {
  test('it trains as on the text they were made of, and takes tokenizer and length from them', async () => {
    await built
    const onText = await fine(train('on-text', [text], '--tokenizer', tokenizer))
    const onShards = await fine(train('on-shards', [first]))
    assert.equal(lines(onShards), lines(onText))
    const alone = await fine(emend(['pretrain', '--json', '--corpus', first, '--out', join(folder, 'alone'), '--steps', '1', '--eval-batches', '0'])) // prettier-ignore
    assert.is(jsonLines(alone.stdout)[0]!['tokens'], 16 * 16)
  })

  const args = ['--corpus-weights', '3,1', '--eval-batches', '0']
  let uninterrupted: Promise<CliResult> | undefined
  const whole = () => (uninterrupted ??= train('whole', [first, second], ...args))

  for (const signal of ['SIGKILL', 'SIGTERM'] as const)
    test(`${signal} in the midst of an epoch, and --resume: bit for bit the uninterrupted run, on weighed corpora with dropout`, async () => {
      await built
      const out = `ended-${signal}`
      const want = lines(await fine(whole()))
      let isSent = false
      const ended = await emend(['pretrain', '--json', '--corpus', first, second, '--config', config, '--out', join(folder, out), ...args], { watch: (stdout, child) => {
        if (!isSent && stdout.includes('"step":5,')) isSent = child.kill(signal)
      } }) // prettier-ignore
      assert.is(ended.code, signal === 'SIGKILL' ? null : 130, ended.stderr)
      const resumed = lines(await fine(train(out, [first, second], ...args, '--resume')))
      assert.ok((resumed[0]!['step'] as number) > 1)
      assert.equal(resumed, want.slice(want.length - resumed.length))
      const name = 'step-00000012.safetensors'
      assert.ok(readFileSync(join(folder, out, name)).equals(readFileSync(join(folder, 'whole', name))))
    })

  test('what does not fit the run is one error that says expected and got, and makes no folder', async () => {
    await built
    await fine(build('complete', text, '--packing', 'complete'))
    const other = tokenizerFile('other.json', 270)
    await fine(emend(['corpus', 'build', '--corpus', text, '--tokenizer', other, '--out', join(folder, 'other'), '--seq', '16'])) // prettier-ignore
    const damaged = join(folder, 'damaged')
    mkdirSync(damaged)
    for (const [name, contents] of Object.entries(shards('first'))) writeFileSync(join(damaged, name), contents, 'latin1') // prettier-ignore
    const bytes = readFileSync(join(damaged, 'train-00001.u16'))
    bytes[99] = bytes[99]! ^ 2
    writeFileSync(join(damaged, 'train-00001.u16'), bytes)
    const empty = join(folder, 'empty')
    mkdirSync(empty)
    const usual = { vocab: smallSettings.vocab, seq: 16, batch: 4, heldOutShare: 0.05 }
    for (const [files, more, words] of [
      [[join(folder, 'other')], {}, /--vocab: expected 270 entries, as the corpus was built with, got 280/],
      [
        [first],
        { tokenizer: other },
        /--tokenizer: expected the one of fingerprint \w{12}.*, got .*other\.json \(\w{12}\)/,
      ],
      [[first], { packing: 'complete' }, /--packing: expected stream, as the corpus was built with, got complete/],
      [[first, join(folder, 'other')], {}, /--corpus: expected the tokenizer of .*first .*, got another/],
      [[first, text], {}, /--corpus: expected files of text alone, or folders of shards alone/],
      [[first, second], { weights: [1] }, /--corpus-weights: expected a weight for each of 2 corpora, got 1/],
      [[text], { weights: [1] }, /--corpus-weights: expected folders of shards to weigh/],
      [[first], { batch: 4000 }, /corpus: expected at least 4000 blocks of 16 tokens, got \d+/],
      [[empty], {}, /--corpus: expected files, or folders with a manifest\.json, got a folder without one/],
    ] as const) {
      const loaded = await loadCorpus({ ...usual, files, ...more })()
      assert.match(E.isLeft(loaded) ? showFault(loaded.left) : 'loaded', words)
    }
    for (const [corpus, args, words] of [
      [[first], ['--seq', '32'], /--seq: expected 16 tokens, as the corpus was built with, got 32/],
      [[first, second], ['--corpus-weights', '1,-1'], /corpusWeights\.1: expected a number > 0, got -1/],
      [[damaged], [], /shard: expected contents with sha256 \w+, got \w+\n {2}at .*train-00001\.u16/],
    ] as const) {
      const { code, stdout, stderr } = await train('refused', corpus, ...args)
      assert.is(code, 2, stderr)
      assert.is(stdout, '')
      assert.match(stderr, words)
      assert.is(stderr.match(/expected/g)?.length, 1, stderr)
      assert.not.ok(existsSync(join(folder, 'refused')))
    }
  })

  test('a run goes on with the corpus it began with, wherever that lies now, and with no other', async () => {
    await built
    await fine(train('began', [second], '--eval-batches', '0'))
    const moved = join(folder, 'moved')
    mkdirSync(moved)
    for (const [name, contents] of Object.entries(shards('second'))) writeFileSync(join(moved, name), contents, 'latin1') // prettier-ignore
    await fine(train('began', [moved], '--resume', '--eval-batches', '0'))
    const other = await train('began', [first], '--resume')
    assert.is(other.code, 2)
    assert.match(
      other.stderr,
      /--resume: expected the config of the checkpoint \(text = "\w{16}"\), got text = "\w{16}"/,
    )
    rmSync(moved, { recursive: true })
  })

  test('ablate takes length and vocabulary from the corpus, and counts its tokens by them', async () => {
    await built
    const { seq: _seq, vocab: _vocab, ...base } = smallSettings
    const out = join(folder, 'ablated')
    const ablation = (variants: object): string =>
      put('ablation.json', JSON.stringify({ base: { ...base, corpus: [first], steps: 4 }, variants, seeds: [1], out }))
    await fine(emend(['ablate', ablation({ all: {}, 'no-detection': { objective: 'clm-only' } }), '--json']))
    const { tokens } = JSON.parse(readFileSync(join(out, 'ablation.json'), 'utf8')) as { readonly tokens: number }
    const steps = jsonLines(readFileSync(join(out, 'all', 'seed-1', 'log.jsonl'), 'utf8'))
    assert.equal([tokens, steps.at(-1)!['tokens']], [4 * 4 * 16, 4 * 4 * 16])
    rmSync(out, { recursive: true })
    const long = await emend(['ablate', ablation({ all: {}, long: { seq: 32 } })])
    assert.is(long.code, 2)
    assert.match(long.stderr, /ablate: variants\.long\.seq: expected 16, as its corpus has, got 32/)
    assert.not.ok(existsSync(out))
  })

  test('a corpus without held-out text trains without evaluation', async () => {
    await fine(build('bare', text, '--held-out', '0'))
    const refused = await train('bare-run', [join(folder, 'bare')])
    assert.match(refused.stderr, /--eval-batches: expected held-out text to evaluate, got none/)
    await fine(train('bare-run', [join(folder, 'bare')], '--eval-batches', '0', '--steps', '2', '--warmup', '1'))
  })
})
