import { createHash } from 'node:crypto'
import { readdir, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import { describeError } from '../../checkpoint/atomic-write'
import { badInput, type Fault } from '../../fault'
import { withLock } from '../../lock'
import { requireSpecials } from '../tokenizer/specials'
import type { Tokenizer } from '../tokenizer/tokenizer'
import { seqLengthFault, type TextSettings } from '../pack'
import type { Packing } from '../packing'
import type { Encoder } from './encoder'
import { partedDocuments, surveyHeldOut, type PartedFiles } from './held-out'
import {
  corpusFiles,
  holdsManifest,
  readJournal,
  readManifest,
  setNames,
  writeJson,
  type BuildPlan,
  type HeldOutRule,
  type Journal,
  type Manifest,
  type SetName,
  type Shard,
} from './manifest'
import { setWriter, type SetWriter } from './set-writer'
import { wholeShards } from './verify'

export interface BuildConfig extends TextSettings {
  readonly out: string
  readonly files: readonly string[]
  /** A share of the documents, or files of their own. */
  readonly heldOut: number | readonly string[]
  readonly tokenizer: Tokenizer
  readonly seqLength: number // T
  readonly packing: Packing
  /** About so many tokens make a shard: whole blocks, at least one. */
  readonly shardTokens: number
  /** UTF-16 units of text that a thread gets at once, or one document; default 2^18. */
  readonly lotSize?: number
}

/** What happens in a build, for those who watch it. */
export interface BuildListener {
  readonly notice?: (text: string) => void
  /** Documents and tokens packed so far, less those of shards that were kept. */
  readonly packed?: (so: { readonly documents: number; readonly tokens: number }) => void
  readonly shard?: (set: SetName, shard: Shard) => void
  /** Asked after every document; true ends the build, its shards kept. */
  readonly shouldStop?: () => boolean
}

/** A finished corpus; undefined where the build was stopped. `kept`: shards that had been built before. */
export interface Built {
  readonly manifest: Manifest | undefined
  readonly kept: number
}

/**
 * Encodes corpus files into shards of token ids in a folder, with a manifest. What comes out depends on the config alone: not on the
 * encoder's threads, nor on how often the build was killed and begun again. Shards that are whole are kept. Memory: two shards, and for
 * each thread a few lots of documents.
 * left  bad input before anything is written; a disk that is full, with all finished shards kept
 */
export const buildCorpus =
  (config: BuildConfig, encoder: Encoder, listener: BuildListener = {}): TE.TaskEither<Fault, Built> =>
  async () => {
    const plan = await planOf(config)()
    if (E.isLeft(plan)) return plan
    return withLock(config.out, corpusFiles.lock, () => buildLocked(config, plan.right, encoder, listener))()
  }

const planOf =
  ({
    files,
    heldOut,
    tokenizer,
    seqLength,
    packing,
    unit,
    prepare = 'none',
    shardTokens,
  }: BuildConfig): TE.TaskEither<Fault, BuildPlan> =>
  async () => {
    const wrong = seqLengthFault(seqLength)
    if (wrong !== undefined) return E.left(wrong)
    const sources = await sourcesOf(files)
    if (E.isLeft(sources)) return sources
    const heldOutSources = await sourcesOf(typeof heldOut === 'number' ? [] : heldOut)
    if (E.isLeft(heldOutSources)) return heldOutSources
    return E.right({
      tokenizer: tokenizer.fingerprint(),
      vocabSize: tokenizer.vocabSize,
      dtype: tokenizer.vocabSize <= 1 << 16 ? 'u16' : 'u32',
      seqLength,
      packing,
      unit,
      ...(prepare === 'none' ? {} : { prepare }),
      shardBlocks: Math.max(1, Math.floor(shardTokens / seqLength)),
      heldOutShare: typeof heldOut === 'number' ? heldOut : 0,
      sources: sources.right,
      heldOutSources: heldOutSources.right,
    })
  }

const sourcesOf = async (files: readonly string[]): Promise<E.Either<Fault, BuildPlan['sources']>> => {
  const sources: { file: string; bytes: number }[] = []
  for (const file of files) {
    try {
      sources.push({ file, bytes: (await stat(file)).size })
    } catch (error) {
      return E.left(badInput('corpus file', file, 'an existing file', describeError(error)))
    }
  }
  return E.right(sources)
}

const buildLocked = async (
  config: BuildConfig,
  plan: BuildPlan,
  encoder: Encoder,
  listener: BuildListener,
): Promise<E.Either<Fault, Built>> => {
  const { out } = config
  if (await holdsManifest(out)) return builtBefore(out, plan)
  const journal = await readJournal(out)()
  if (E.isLeft(journal)) return journal
  if (journal.right !== undefined) {
    const same = samePlan(journal.right.plan, plan, out, 'an unfinished corpus')
    if (E.isLeft(same)) return same
  }
  const begun = journal.right === undefined ? await begin(config, plan) : await goOn(out, journal.right, listener)
  if (E.isLeft(begun)) return begun
  await removeLeftovers(out, begun.right)
  return packAll(config, begun.right, encoder, listener)
}

/** A corpus that is there already: the same one is what was asked for. */
const builtBefore = async (out: string, plan: BuildPlan): Promise<E.Either<Fault, Built>> => {
  const manifest = await readManifest(out)()
  if (E.isLeft(manifest)) return manifest
  const same = samePlan(manifest.right.plan, plan, out, 'a corpus')
  if (E.isLeft(same)) return same
  const { train, heldOut } = manifest.right
  for (const { shards } of [train, heldOut]) {
    const whole = await wholeShards(out, manifest.right.plan, shards)
    if (whole.fault !== undefined) return E.left({ ...whole.fault, help: `remove ${join(out, corpusFiles.manifest)} to build it anew` }) // prettier-ignore
  }
  return E.right({ manifest: manifest.right, kept: train.shards.length + heldOut.shards.length })
}

const samePlan = (found: BuildPlan, wanted: BuildPlan, out: string, what: string): E.Either<Fault, void> => {
  const keys = Object.keys({ ...found, ...wanted }) as (keyof BuildPlan)[]
  const different = keys.filter((key) => JSON.stringify(found[key]) !== JSON.stringify(wanted[key]))
  const show = (plan: BuildPlan): string => different.map((key) => `${key} = ${brief(plan[key] ?? 'none')}`).join(', ')
  return different.length === 0
    ? E.right(undefined)
    : E.left(badInput('--out', out, `the settings of ${what} that is there (${show(found)})`, show(wanted), 'give the same options, or another --out')) // prettier-ignore
}

const brief = (value: unknown): string => {
  const text = JSON.stringify(value)
  return text.length > 160 ? `${text.slice(0, 157)}...` : text
}

const emptyText = createHash('sha256').digest('hex')

const begin = async (config: BuildConfig, plan: BuildPlan): Promise<E.Either<Fault, Journal>> => {
  const rule = await ruleOf(config)
  if (E.isLeft(rule)) return rule
  const journal: Journal = { format: 1, plan, rule: rule.right, seen: { documents: 0, text: emptyText }, train: [], heldOut: [] } // prettier-ignore
  const named = await writeJson(config.out, corpusFiles.tokenizer, config.tokenizer.toJson())()
  if (E.isLeft(named)) return named
  const written = await writeJson(config.out, corpusFiles.journal, journal)()
  return E.isLeft(written) ? written : E.right(journal)
}

const ruleOf = ({ files, heldOut }: BuildConfig): Promise<E.Either<Fault, HeldOutRule>> =>
  typeof heldOut === 'number' ? surveyHeldOut(files, heldOut)() : Promise.resolve(E.right({ kind: 'files' }))

/** The journal of a killed build, less the first shard that is not what it was and all after it. */
const goOn = async (out: string, journal: Journal, listener: BuildListener): Promise<E.Either<Fault, Journal>> => {
  const kept: Record<SetName, readonly Shard[]> = { train: [], heldOut: [] }
  for (const set of setNames) {
    const whole = await wholeShards(out, journal.plan, journal[set])
    kept[set] = journal[set].slice(0, whole.count)
    if (whole.fault !== undefined) listener.notice?.(`${whole.fault.what} ${whole.fault.where}: expected ${whole.fault.expected}, got ${whole.fault.got}; built again`) // prettier-ignore
  }
  listener.notice?.(`going on with ${out}: ${kept.train.length + kept.heldOut.length} shards are whole`)
  return E.right({ ...journal, ...kept })
}

/** What a killed build was writing. */
const removeLeftovers = async (out: string, { train, heldOut }: Journal): Promise<void> => {
  const kept = new Set([...train, ...heldOut].map(({ file }) => file))
  for (const name of await readdir(out))
    if (/^(train|held-out)-\d+\.u(16|32)(\.\d+\.tmp)?$|\.json\.\d+\.tmp$/.test(name) && !kept.has(name))
      await unlink(join(out, name)).catch(() => undefined)
}

/** A lot of documents on its way through the encoder. */
interface Lot {
  readonly documents: readonly { readonly set: SetName; readonly from: number }[]
  readonly seen: Journal['seen']
  readonly encoded: ReturnType<Encoder['encode']>
}

const packAll = async (
  config: BuildConfig,
  begun: Journal,
  encoder: Encoder,
  listener: BuildListener,
): Promise<E.Either<Fault, Built>> => {
  const { out, tokenizer, lotSize = 1 << 18 } = config
  const { plan, rule } = begun
  const specials = requireSpecials(tokenizer)
  if (E.isLeft(specials)) return specials
  let journalSeen = begun.seen
  const writerOf = (set: SetName): SetWriter =>
    setWriter({
      folder: out,
      set,
      plan,
      specials: specials.right,
      kept: begun[set],
      written: async (shard) => {
        const noted = await note()
        if (E.isRight(noted)) listener.shard?.(set, shard) // what is told of is kept
        return noted
      },
    })
  const writers: Readonly<Record<SetName, SetWriter>> = { train: writerOf('train'), heldOut: writerOf('heldOut') }
  const note = (): Promise<E.Either<Fault, void>> =>
    writeJson(out, corpusFiles.journal, { ...begun, seen: journalSeen, train: writers.train.shards, heldOut: writers.heldOut.shards })() // prettier-ignore

  const counts: Record<SetName, number> = { train: 0, heldOut: 0 }
  let [packedDocuments, packedTokens] = [0, 0]
  const lots: Lot[] = []
  const stopped: Built = { manifest: undefined, kept: begun.train.length + begun.heldOut.length }
  /** Whether the build may go on. */
  const packOldest = async (): Promise<E.Either<Fault, boolean>> => {
    const lot = lots.shift()!
    const encoded = await lot.encoded
    if (E.isLeft(encoded)) return encoded
    // Taken ahead: a shard may be full in the midst of the lot, and what is seen is only ever compared.
    if (lot.seen.documents > journalSeen.documents) journalSeen = lot.seen
    for (const [i, document] of encoded.right.entries()) {
      const { set, from } = lot.documents[i]!
      const added = await writers[set].add(document, from)
      if (E.isLeft(added)) return added
      packedDocuments += 1
      packedTokens += document.tokens.length
      listener.packed?.({ documents: packedDocuments, tokens: packedTokens })
      if (listener.shouldStop?.() === true) return E.right(false)
    }
    return E.right(true)
  }

  let seen: Journal['seen'] = { documents: 0, text: emptyText }
  let pending: { texts: string[]; documents: { set: SetName; from: number }[]; size: number } = { texts: [], documents: [], size: 0 } // prettier-ignore
  const send = (): void => {
    if (pending.texts.length > 0)
      lots.push({ documents: pending.documents, seen, encoded: encoder.encode(pending.texts) })
    pending = { texts: [], documents: [], size: 0 }
  }
  for await (const next of partedDocuments(partedFiles(config), rule)) {
    if (E.isLeft(next)) return next
    const { set, text, hash } = next.right
    seen = { documents: seen.documents + 1, text: createHash('sha256').update(seen.text).update(hash).digest('hex') }
    if (seen.documents === begun.seen.documents && seen.text !== begun.seen.text) return E.left(otherText(config, seen.documents)) // prettier-ignore
    const { document, token } = writers[set].start
    const number = counts[set]++
    if (number < document) continue
    pending.texts.push(text)
    pending.documents.push({ set, from: number === document ? token : 0 })
    pending.size += text.length
    if (pending.size < lotSize) continue
    send()
    while (lots.length > 2 * encoder.width) {
      const packed = await packOldest()
      if (E.isLeft(packed)) return packed
      if (!packed.right) return E.right(stopped)
    }
  }
  if (seen.documents < begun.seen.documents) return E.left(otherText(config, seen.documents))
  send()
  while (lots.length > 0) {
    const packed = await packOldest()
    if (E.isLeft(packed)) return packed
    if (!packed.right) return E.right(stopped)
  }
  journalSeen = seen
  const train = await writers.train.finish(counts.train)
  if (E.isLeft(train)) return train
  const heldOut = await writers.heldOut.finish(counts.heldOut)
  if (E.isLeft(heldOut)) return heldOut
  const manifest: Manifest = { format: 1, plan, text: seen.text, train: train.right, heldOut: heldOut.right }
  const written = await writeJson(out, corpusFiles.manifest, manifest)()
  if (E.isLeft(written)) return written
  await unlink(join(out, corpusFiles.journal)).catch(() => undefined)
  return E.right({ manifest, kept: begun.train.length + begun.heldOut.length })
}

const partedFiles = ({ files, heldOut }: BuildConfig): PartedFiles => ({
  files,
  heldOutFiles: typeof heldOut === 'number' ? [] : heldOut,
  share: typeof heldOut === 'number' ? heldOut : 0,
})

const otherText = ({ files, out }: BuildConfig, documents: number): Fault =>
  badInput(
    '--corpus',
    files.join(', '),
    `the text of which ${out} holds an unfinished corpus`,
    `other text by document ${documents}`,
    'give the files as they were, or another --out',
  )
