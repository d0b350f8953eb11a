import { availableParallelism } from 'node:os'
import type { Command } from 'commander'
import * as E from 'fp-ts/Either'
import * as t from 'io-ts'
import { closed, codecFaults, oneOf, PositiveInt } from '../../../core'
import { packings } from '../../data/packing'
import { preparationNames } from '../../data/preparation'
import { buildCorpus, type BuildListener, type Built } from '../../data/shards/build'
import { threadEncoder } from '../../data/shards/encoder'
import { corpusFingerprint } from '../../data/shards/manifest'
import { openTokenizer } from '../../data/tokenizer/file/open'
import { badInput } from '../../fault'
import { numeric, type Flags } from '../options'
import { note, print, printJson, type Outcome } from '../outcome'
import { stopSignal } from '../stop-signal'
import { corpusHelp } from '../tokenizer/settings'

export const buildCommand = (corpus: Command, run: (outcome: Promise<Outcome>) => void): void => {
  corpus
    .command('build')
    .description('encode text into shards of token ids, on all cores; killed, the same command goes on')
    .requiredOption('--corpus <file...>', corpusHelp)
    .requiredOption('--tokenizer <file>', tokenizerHelp)
    .requiredOption('--out <dir>', 'folder of the shards and their manifest')
    .option('--cased', 'vocab.txt: do not lower-case')
    .option('--seq <t>', 'tokens of a block, [CLS] included (default 512)', numeric)
    .option('--packing <name>', `${packings.join(' | ')}: how units become blocks (default stream)`)
    .option('--unit <name>', 'paragraph | line: what a [SEP] ends (default paragraph)')
    .option('--prepare <name>', `${preparationNames.join(' | ')}: what is done to each of them first (default none)`)
    .option('--held-out <what...>', 'a share of the documents, 0 for none, or files of their own (default 0.05)')
    .option('--shard-tokens <n>', 'tokens of a shard, about (default 8388608)', numeric)
    .option('--threads <n>', 'threads that encode (default one for each core)', numeric)
    .option('--json', 'one JSON line a shard, then one with "done"')
    .addHelpText('after', '\nSIGINT or SIGTERM ends the build; its finished shards are kept.')
    .action((flags: Flags) => run(runBuild(flags)))
}

const tokenizerHelp = 'tokenizer.json of Hugging Face, SentencePiece .model, vocab.txt of BERT, or a folder with one'

/** What `--threads` may be at most: each has a tokenizer of its own. */
const mostThreads = 256

const Settings = closed(
  'options',
  { corpus: t.readonlyArray(t.string), tokenizer: t.string, out: t.string },
  {
    seq: PositiveInt,
    packing: oneOf(packings),
    unit: oneOf(['paragraph', 'line'] as const),
    prepare: oneOf(preparationNames),
    heldOut: t.readonlyArray(t.string),
    shardTokens: PositiveInt,
    threads: PositiveInt,
    cased: t.boolean,
    json: t.boolean,
  },
)

const runBuild = async (flags: Flags): Promise<Outcome> => {
  const decoded = Settings.decode(flags)
  if (E.isLeft(decoded))
    return E.left(codecFaults(decoded.left).map(({ key, expected, got }) => badInput(`--${key}`, '', expected, got)))
  const { corpus, out, seq = 512, packing = 'stream', unit = 'paragraph', prepare = 'none' } = decoded.right
  const { heldOut: given = ['0.05'], shardTokens = 1 << 23, threads = availableParallelism() } = decoded.right
  const heldOut = heldOutOf(given)
  if (typeof heldOut === 'number' && !(heldOut >= 0 && heldOut < 1))
    return E.left([badInput('--held-out', '', 'a share in [0, 1), or files', String(heldOut))])
  if (threads > mostThreads) return E.left([badInput('--threads', '', `at most ${mostThreads}`, String(threads))])
  const tokenizer = await openTokenizer(decoded.right.tokenizer, { cased: decoded.right.cased === true })()
  if (E.isLeft(tokenizer)) return E.left([tokenizer.left])
  const encoder = threadEncoder(tokenizer.right, { unit, prepare }, threads)
  if (E.isLeft(encoder)) return E.left([encoder.left])
  const isJson = decoded.right.json === true
  const stop = stopSignal('stopping; again to stop at once')
  const began = performance.now()
  const watch = watcher(isJson, began)
  const built = await buildCorpus(
    { out, files: corpus, heldOut, tokenizer: tokenizer.right, seqLength: seq, packing, unit, prepare, shardTokens },
    encoder.right,
    { ...watch.listener, shouldStop: stop.isAsked },
  )()
  await encoder.right.close()
  stop.dispose()
  if (E.isLeft(built)) return E.left([built.left])
  conclude(out, built.right, isJson, watch.tokens() / ((performance.now() - began) / 1000))
  return E.right(built.right.manifest === undefined ? 130 : 0)
}

/** One number is a share; anything else is files. */
const heldOutOf = (given: readonly string[]): number | readonly string[] => {
  const share = given.length === 1 ? numeric(given[0]!) : given
  return typeof share === 'number' ? share : given
}

const watcher = (
  isJson: boolean,
  began: number,
): { readonly listener: BuildListener; readonly tokens: () => number } => {
  let [told, tokens] = [began, 0]
  return {
    tokens: () => tokens,
    listener: {
      notice: note,
      shard: (set, shard) => {
        if (isJson)
          printJson({ set, file: shard.file, blocks: shard.blocks, tokens: shard.tokens, documents: shard.documents }) // prettier-ignore
        else note(`${shard.file}  ${shard.blocks} blocks, ${shard.tokens} tokens, ${shard.documents} documents`)
      },
      packed: (so) => {
        tokens = so.tokens
        const now = performance.now()
        if (isJson || now - told < 2000) return
        told = now
        note(
          `${so.documents} documents, ${so.tokens} tokens, ${Math.round(so.tokens / ((now - began) / 1000))} tokens/s`,
        )
      },
    },
  }
}

const conclude = (out: string, { manifest, kept }: Built, isJson: boolean, tokensPerSecond: number): void => {
  if (manifest === undefined) {
    if (isJson) printJson({ done: false, out })
    else print(`stopped: the shards in ${out} are kept, the same command goes on`)
    return
  }
  const { train, heldOut, plan } = manifest
  const fingerprint = corpusFingerprint(manifest)
  const isOld = kept === train.shards.length + heldOut.shards.length && tokensPerSecond === 0
  if (isJson) {
    const counts = ({ documents, blocks, tokens, dropped, shards }: typeof train) => ({ documents, blocks, tokens, dropped, shards: shards.length }) // prettier-ignore
    printJson({ done: true, out, fingerprint, kept, tokensPerSecond: Math.round(tokensPerSecond), peakBytes: peakBytes(), train: counts(train), heldOut: counts(heldOut) }) // prettier-ignore
    return
  }
  if (isOld) print('it was there already')
  print(
    `${train.blocks} blocks of ${plan.seqLength} tokens from ${train.documents} documents, ${heldOut.blocks} held out`,
  )
  print(`corpus     ${out}, fingerprint ${fingerprint}`)
  if (!isOld) print(`speed      ${Math.round(tokensPerSecond)} tokens/s, ${(peakBytes() / 1e6).toFixed(0)} MB at most`)
}

/** The most memory that the process had, threads included. */
const peakBytes = (): number => process.resourceUsage().maxRSS * 1024
