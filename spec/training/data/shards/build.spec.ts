import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import fc from 'fast-check'
import * as E from 'fp-ts/Either'
import * as assert from 'uvu/assert'
import { cocoLmText } from '../../../../training/data/coco-lm-text'
import { packDocuments } from '../../../../training/data/pack'
import { packings } from '../../../../training/data/packing'
import { buildCorpus, type BuildConfig } from '../../../../training/data/shards/build'
import { localEncoder, threadEncoder, type Encoder } from '../../../../training/data/shards/encoder'
import { readManifest } from '../../../../training/data/shards/manifest'
import { openCorpus } from '../../../../training/data/shards/open'
import { splitDocuments } from '../../../../training/data/split'
import { requireSpecials } from '../../../../training/data/tokenizer/specials'
import { runError, showFault } from '../../../../training/fault'
import { loadCorpus } from '../../../../training/pretrain/corpus'
import { describe } from '../../../harness'
import { plainText, temporary } from '../../cli/run-cli'
import { blocksOf, bytes, left, right, rowsOf, scrambled, settings } from './corpora'

const folder = temporary()
let made = 0
const fresh = (): string => join(folder, `corpus-${made++}`)
const local = right(localEncoder(bytes, { unit: 'paragraph' }))

/** Runs encode-worker.ts as it is here. */
const thread = new URL('./thread.mjs', import.meta.url)

const write = (texts: readonly string[]): string => {
  const path = join(folder, `text-${made++}.jsonl`)
  writeFileSync(path, texts.map((text) => `${JSON.stringify({ text })}\n`).join(''))
  return path
}
const build = (config: BuildConfig, encoder: Encoder = local) => buildCorpus(config, encoder)()

/** Names and contents of a corpus folder. */
const contents = (out: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    readdirSync(out)
      .sort()
      .map((name) => [name, readFileSync(join(out, name), 'latin1')]),
  )

const words = fc.constantFrom('the', 'people', 'shall', 'have', 'x', '\n\n', '\n')
const texts = fc
  .array(
    fc.array(words, { minLength: 1, maxLength: 60 }).map((list) => list.join(' ')),
    { minLength: 2, maxLength: 8 },
  )
  .filter((list) => new Set(list.filter((text) => text.trim() !== '')).size > 1)

describe('training/data/shards: build', (test) => {
  test('the blocks of shards are the blocks in memory, for any documents, packing, shard size and number of threads', () =>
    fc.assert(
      fc.asyncProperty(
        texts,
        fc.constantFrom(...packings),
        fc.integer({ min: 2, max: 12 }),
        fc.integer({ min: 1, max: 120 }),
        fc.integer({ min: 1, max: 4 }),
        fc.constantFrom(0, 0.2),
        async (list, packing, seqLength, shardTokens, threads, heldOut) => {
          const out = fresh()
          const config = { ...settings, out, files: [write(list)], packing, seqLength, shardTokens, heldOut }
          const { manifest } = right(await build(config, scrambled(threads)))
          const corpus = right(await openCorpus(out, { verify: true })())
          const documents = list.filter((text) => text.trim() !== '').map((text) => ({ text, source: '' }))
          const split = heldOut === 0 ? { train: documents, heldOut: [] } : right(splitDocuments(documents, { fraction: heldOut })) // prettier-ignore
          for (const set of ['train', 'heldOut'] as const) {
            const want = right(packDocuments(bytes, split[set], { seqLength, packing, minBlocks: 0 }))
            assert.equal(await blocksOf(corpus[set]), rowsOf(want))
            assert.equal([corpus[set].packedTokens, corpus[set].droppedTokens], [want.packedTokens, want.droppedTokens])
            assert.is(corpus[set].isPadded, packing !== 'stream')
            if (want.count > 0) assert.equal(right(await corpus[set].sample(1e6)()).packedTokens, want.packedTokens)
            const { shards, documents: counted } = manifest![set]
            assert.is(counted, split[set].length)
            assert.ok(shards.every(({ blocks }) => blocks <= Math.max(1, Math.floor(shardTokens / seqLength))))
          }
        },
      ),
      { numRuns: 30 },
    ))

  test('real threads, of any number, write the same bytes', async () => {
    const files = [write(Array.from({ length: 40 }, (_, i) => plainText(20 + i)))]
    const want = fresh()
    right(await build({ ...settings, out: want, files, shardTokens: 4000, lotSize: 2000 }))
    for (const threads of [1, 3]) {
      const encoder = right(threadEncoder(bytes, { unit: 'paragraph' }, threads, thread))
      const out = fresh()
      right(await build({ ...settings, out, files, shardTokens: 4000, lotSize: 2000 }, encoder))
      await encoder.close()
      assert.equal(contents(out), contents(want))
    }
  })

  test('prepared text: every unit as COCO-LM has it, on threads too; what was done is in the manifest, and another build is refused', async () => {
    const units = ['“It’s 5 o’clock,” (he) said...', 'the dogs’s bone—we’ve it.', 'Plain words.']
    const files = [write([`${units[0]!}\n\n${units[1]!}`, units[2]!])]
    const prepare = 'coco-lm'
    const [raw, want, threaded] = [fresh(), fresh(), fresh()]
    const config = { ...settings, files, seqLength: 90, packing: 'complete' } as const
    right(await build({ ...config, out: raw }))
    const { manifest } = right(await build({ ...config, out: want, prepare }, right(localEncoder(bytes, { unit: 'paragraph', prepare })))) // prettier-ignore
    const encoder = right(threadEncoder(bytes, { unit: 'paragraph', prepare }, 2, thread))
    right(await build({ ...config, out: threaded, prepare }, encoder))
    await encoder.close()
    assert.equal(contents(threaded), contents(want))
    assert.is(manifest!.plan.prepare, prepare)
    assert.not('prepare' in right(await readManifest(raw)()).plan) // as manifests were before there was a choice
    const read = async (out: string): Promise<readonly string[]> => {
      const rows = await blocksOf(right(await openCorpus(out)()).train)
      const { sep, pad } = right(requireSpecials(bytes))
      const text = rows.flatMap((row) => row.slice(1).filter((id) => id !== pad))
      const ends = text.flatMap((id, i) => (id === sep ? [i] : []))
      return ends.map((end, i) => bytes.decode(text.slice(i === 0 ? 0 : ends[i - 1]! + 1, end))).filter((s) => s !== '')
    }
    assert.equal(await read(raw), units)
    assert.equal(await read(want), units.map(cocoLmText))
    const refused = async (out: string, more: object): Promise<string> => showFault(left(await build({ ...config, out, ...more }))) // prettier-ignore
    assert.match(await refused(want, {}), /that is there \(prepare = "coco-lm"\), got prepare = "none"/)
    assert.match(await refused(raw, { prepare }), /that is there \(prepare = "none"\), got prepare = "coco-lm"/)
    const both = await loadCorpus({ files: [raw, want], vocab: bytes.vocabSize, seq: 90, batch: 1, heldOutShare: 0 })()
    assert.match(showFault(left(both)), /expected text prepared as none, as in .*, got text prepared as coco-lm/)
  })

  test('ended at any moment and begun again: the same bytes, and no finished shard is written twice', () =>
    fc.assert(
      fc.asyncProperty(texts, fc.constantFrom(...packings), fc.array(fc.nat(9)), async (list, packing, ends) => {
        // every document a lot of its own
        const config = { ...settings, files: [write(list)], packing, heldOut: 0.3, lotSize: 1 }
        const [want, out] = [fresh(), fresh()]
        right(await build({ ...config, out: want }))
        for (const end of ends.slice(0, 3)) {
          let lots = 0
          const dying: Encoder = {
            ...local,
            encode: (lot) => (lots++ < end ? local.encode(lot) : Promise.resolve(E.left(runError('killed', '', '', '')))), // prettier-ignore
          }
          const before = existsSync(out) ? readdirSync(out).filter((name) => /\.u16$/.test(name)) : []
          const told: string[] = []
          await buildCorpus({ ...config, out }, dying, { shard: (_, { file }) => told.push(file) })()
          assert.not.ok(told.some((file) => before.includes(file)))
        }
        right(await build({ ...config, out }))
        assert.equal(contents(out), contents(want))
        for (const done of [want, out]) rmSync(done, { recursive: true })
      }),
      { numRuns: 15 },
    ))

  test('a finished shard that was damaged since is told and built again, with those after it', async () => {
    const files = [write(Array.from({ length: 12 }, (_, i) => plainText(50 + i)))]
    const config = { ...settings, files, shardTokens: 1600, heldOut: 0.1, lotSize: 1 }
    const [want, out] = [fresh(), fresh()]
    right(await build({ ...config, out: want }))
    let lots = 0
    const dying: Encoder = {
      ...local,
      encode: (lot) => (lots++ < 6 ? local.encode(lot) : Promise.resolve(E.left(runError('killed', '', '', '')))),
    }
    left(await build({ ...config, out }, dying))
    const shards = readdirSync(out).filter((name) => name.startsWith('train-'))
    assert.ok(shards.length >= 2, shards.join())
    truncateSync(join(out, shards.at(-2)!), 100)
    writeFileSync(join(out, 'train-00077.u16.123.tmp'), 'half a shard')
    const notices: string[] = []
    const { kept } = right(await buildCorpus({ ...config, out }, local, { notice: (text) => notices.push(text) })())
    assert.match(notices[0]!, /shard .*train-.*expected \d+ bytes .*, got 100; built again/)
    assert.ok(kept < shards.length)
    assert.equal(contents(out), contents(want))
  })

  test('a build that is finished is not done again', async () => {
    const config = { ...settings, out: fresh(), files: [write(['the people', 'shall have'])] }
    const first = right(await build(config))
    const again = right(await build(config))
    assert.equal(again.manifest, first.manifest)
    assert.is(again.kept, first.manifest!.train.shards.length)
  })

  test('one document is cut as a text in memory is; files of their own may be held out', async () => {
    const text = plainText(60)
    const out = fresh()
    right(await build({ ...settings, out, files: [write([text])], heldOut: 0.25 }))
    const corpus = right(await openCorpus(out)())
    const split = right(splitDocuments([{ text, source: '' }], { fraction: 0.25 }))
    for (const set of ['train', 'heldOut'] as const)
      assert.equal(await blocksOf(corpus[set]), rowsOf(right(packDocuments(bytes, split[set], { seqLength: 8 }))))
    const two = fresh()
    right(
      await build({ ...settings, out: two, files: [write(['the people'])], heldOut: [write(['shall have it all'])] }),
    )
    const own = right(await openCorpus(two)())
    assert.equal([own.manifest.train.documents, own.manifest.heldOut.documents], [1, 1])
  })
})

describe('training/data/shards: what is refused', (test) => {
  const files = [write(Array.from({ length: 6 }, (_, i) => plainText(10 + i)))]
  const whole = async (): Promise<string> => {
    const out = fresh()
    right(await build({ ...settings, out, files, heldOut: 0.2 }))
    return out
  }
  const refused = async (out: string, ...words: readonly RegExp[]): Promise<void> => {
    const { what, where, expected, got } = left(await openCorpus(out, { verify: true })())
    for (const word of words) assert.match(`${what} ${where}: expected ${expected}, got ${got}`, word)
  }

  test('a shard that is cut short, altered, or gone', async () => {
    const cut = await whole()
    truncateSync(join(cut, 'train-00001.u16'), 30)
    await refused(cut, /shard .*train-00001\.u16: expected 128 bytes \(8 blocks of 8 ids\), got 30/)
    const altered = await whole()
    const path = join(altered, 'held-out-00000.u16')
    const ids = readFileSync(path)
    ids[20] = ids[20]! ^ 1
    writeFileSync(path, ids)
    await refused(altered, /shard .*held-out-00000\.u16: expected contents with sha256 \w{12}, got \w{12}/)
    const gone = await whole()
    rmSync(join(gone, 'train-00002.u16'))
    await refused(gone, /train-00002\.u16: expected a readable file, got ENOENT/)
  })

  test('a shard that is damaged while it is read', async () => {
    const out = await whole()
    const corpus = right(await openCorpus(out)())
    writeFileSync(join(out, 'train-00000.u16'), Buffer.alloc(128, 0xff))
    const wrong = left(await corpus.train.fetch([1])())
    assert.match(`${wrong._tag} ${wrong.expected} ${wrong.got}`, /IoError ids below \d+ another in block 1/)
    truncateSync(join(out, 'train-00000.u16'), 20)
    assert.match(left(await corpus.train.fetch([3, 0])()).expected, /16 bytes from 48 on/)
  })

  test('a manifest of another tokenizer, one that is none, and none', async () => {
    const out = await whole()
    const path = join(out, 'manifest.json')
    const text = readFileSync(path, 'utf8')
    writeFileSync(path, text.replace(/"tokenizer": "\w{6}/, '"tokenizer": "abcdef'))
    await refused(out, /tokenizer .*: expected the one .*fingerprint abcdef\w+, 300 entries\), got \w{12}, 300 entries/)
    writeFileSync(path, text.replace('"blocks": 8', '"blocks": "8"'))
    await refused(out, /corpus manifest .*manifest\.json: expected .*blocks: a whole number > 0, got "8"/)
    writeFileSync(path, text.replace('train-00000.u16', '../../etc/passwd'))
    await refused(out, /expected .*file: a name as train-00000\.u16, got/)
    writeFileSync(path, text.slice(0, 50))
    await refused(out, /expected a readable JSON file/)
    rmSync(path)
    await refused(out, /manifest\.json: expected a readable JSON file, got ENOENT/)
  })

  test('other settings or other text in a folder that holds a corpus, whole or not', async () => {
    const out = await whole()
    const before = contents(out)
    const other = left(await build({ ...settings, out, files, heldOut: 0.2, seqLength: 16 }))
    assert.match(`${other.expected} ${other.got}`, /a corpus that is there \(seqLength = 8.*\) seqLength = 16/)
    assert.equal(contents(out), before)
    const list = Array.from({ length: 6 }, (_, i) => plainText(90 + i))
    const own = [write(list)]
    const half = fresh()
    const dying: Encoder = { ...local, width: 0, encode: (() => { let lots = 0; return (lot: readonly string[]) => (lots++ < 2 ? local.encode(lot) : Promise.resolve(E.left(runError('killed', '', '', '')))) })() } // prettier-ignore
    left(await build({ ...settings, out: half, files: own, shardTokens: 1600, lotSize: 1 }, dying))
    writeFileSync(own[0]!, readFileSync(own[0]!, 'utf8').replace('people', 'peoplf'))
    const changed = left(await build({ ...settings, out: half, files: own, shardTokens: 1600, lotSize: 1 }))
    assert.match(`${changed.what}: ${changed.expected}, ${changed.got}`, /--corpus: the text of which .* other text/)
  })

  test('two builds in one folder at once; a lock of a process that is gone is taken over', async () => {
    const out = fresh()
    mkdirSync(out)
    writeFileSync(join(out, 'building.lock'), `${process.ppid}\n`)
    const second = left(await build({ ...settings, out, files }))
    assert.match(`${second.expected}, ${second.got}`, /no other process is at work, one of process \d+/)
    assert.equal(readdirSync(out), ['building.lock'])
    const gone = spawnSync(process.execPath, ['-e', '']).pid
    writeFileSync(join(out, 'building.lock'), `${gone}\n`)
    right(await build({ ...settings, out, files }))
    assert.not.ok(existsSync(join(out, 'building.lock')))
  })

  test('a file in place of the folder; text that is missing: nothing is made', async () => {
    const inFile = left(await build({ ...settings, out: join(files[0]!, 'x'), files }))
    assert.match(`${inFile._tag} ${inFile.expected} ${inFile.got}`, /BadInput a folder that can be written ENOTDIR/)
    const out = fresh()
    assert.match(left(await build({ ...settings, out, files: ['nowhere.txt'] })).where, /nowhere/)
    assert.not.ok(existsSync(out))
  })

  test('a disk that becomes full keeps what is finished, and the build goes on with more room', async () => {
    const disk = fresh()
    mkdirSync(disk)
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=100k', 'tmpfs', disk]).status === 0
    if (!mounted) return console.log('SKIP a full disk: this process may not mount a tmpfs')
    const config = { ...settings, files: [write(Array.from({ length: 8 }, (_, i) => plainText(600 + i)))], shardTokens: 16000, lotSize: 1 } // prettier-ignore
    const [want, out] = [fresh(), join(disk, 'corpus')]
    right(await build({ ...config, out: want }))
    try {
      const full = left(await build({ ...config, out }))
      assert.match(`${full._tag} ${full.got}`, /IoError ENOSPC/)
      assert.ok(readdirSync(out).some((name) => name === 'train-00000.u16'))
      assert.not.ok(readdirSync(out).some((name) => name.endsWith('.tmp')))
      assert.is(spawnSync('mount', ['-o', 'remount,size=64m', disk]).status, 0)
      const { kept } = right(await build({ ...config, out }))
      assert.ok(kept > 0)
      assert.equal(contents(out), contents(want))
    } finally {
      spawnSync('umount', [disk])
    }
  })
})
