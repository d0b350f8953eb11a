import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import { sharesOf } from '../data/order'
import { tooFewBlocks } from '../data/pack'
import { isPadding, type Packing } from '../data/packing'
import type { Document } from '../data/read-text'
import { openTokenizer } from '../data/tokenizer/file/open'
import { corpusFiles, holdsManifest, readManifest, type BuildPlan } from '../data/shards/manifest'
import { mixture } from '../data/shards/mixture'
import { openCorpus, type OpenCorpus } from '../data/shards/open'
import { badInput, type Fault } from '../fault'
import type { Corpus, CorpusConfig } from './corpus'

/**
 * Whether the corpus of a run is folders of shards (true) or files of text.
 * left  some of each; a folder that is no corpus
 */
export const isBuilt =
  (paths: readonly string[]): TE.TaskEither<Fault, boolean> =>
  async () => {
    const built: string[] = []
    for (const path of paths) {
      if (await holdsManifest(path)) built.push(path)
      else if (await isFolder(path)) {
        const got = (await isThere(join(path, corpusFiles.journal))) ? 'an unfinished build' : 'a folder without one'
        const help = 'emend corpus build makes one; an unfinished build goes on by the command that began it'
        return E.left(badInput('--corpus', path, `files, or folders with a ${corpusFiles.manifest}`, got, help))
      }
    }
    if (built.length === 0 || built.length === paths.length) return E.right(built.length > 0)
    const text = paths.find((path) => !built.includes(path))!
    return E.left(badInput('--corpus', '', 'files of text alone, or folders of shards alone', `${text} and ${built[0]!}`)) // prettier-ignore
  }

/**
 * Whether rows of a run's corpus can end in padding: by the packing of its text, or by those its shards were made with. No block is read.
 * left  as of `isBuilt`; a manifest that is none
 */
export const isPaddedCorpus =
  ({
    corpus,
    packing,
  }: {
    readonly corpus: readonly string[]
    readonly packing?: Packing
  }): TE.TaskEither<Fault, boolean> =>
  async () => {
    const built = await isBuilt(corpus)()
    if (E.isLeft(built) || !built.right) return E.isLeft(built) ? built : E.right(isPadding(packing ?? 'stream'))
    let isPadded = false
    for (const folder of corpus) {
      const manifest = await readManifest(folder)()
      if (E.isLeft(manifest)) return manifest
      isPadded ||= isPadding(manifest.right.plan.packing)
    }
    return E.right(isPadded)
  }

export interface DecidedByCorpus {
  readonly seq?: number
  readonly vocab?: number
}

/** Settings that a corpus, or a tokenizer that is given, has decided already: defaults of a run on it. */
export const decidedByCorpus =
  (corpus: unknown, tokenizer: unknown): TE.TaskEither<Fault, DecidedByCorpus> =>
  async () => {
    const [first] = Array.isArray(corpus) ? (corpus as readonly unknown[]) : []
    if (typeof first === 'string' && (await holdsManifest(first))) {
      const manifest = await readManifest(first)()
      return E.isLeft(manifest) ? manifest : E.right({ seq: manifest.right.plan.seqLength, vocab: manifest.right.plan.vocabSize }) // prettier-ignore
    }
    if (typeof tokenizer !== 'string') return E.right({})
    const opened = await openTokenizer(tokenizer)()
    return E.isLeft(opened) ? opened : E.right({ vocab: opened.right.vocabSize })
  }

/** Folders of shards as the corpus of a run, every checksum compared. left  one that is damaged, or does not fit the run */
export const loadBuilt =
  (config: CorpusConfig): TE.TaskEither<Fault, Corpus> =>
  async () => {
    const { files: folders, weights, batch } = config
    if (weights !== undefined && weights.length !== folders.length)
      return E.left(badInput('--corpus-weights', '', `a weight for each of ${folders.length} corpora`, `${weights.length}`)) // prettier-ignore
    const corpora: OpenCorpus[] = []
    for (const folder of folders) {
      const opened = await openCorpus(folder, { verify: true })()
      if (E.isLeft(opened)) return opened
      const fits = await fitsRun(opened.right, config, corpora[0])
      if (E.isLeft(fits)) return fits
      corpora.push(opened.right)
    }
    const train = mixture(corpora.map((corpus) => corpus.train), weights && sharesOf(weights)) // prettier-ignore
    const heldOut = mixture(corpora.map((corpus) => corpus.heldOut))
    const empty = weights && corpora.find((corpus) => corpus.train.count === 0)
    if (train.count < batch || empty !== undefined) return E.left({ ...tooFewBlocks(empty ? 1 : batch, (empty?.train ?? train).count, config.seq, train.droppedTokens), where: (empty ? [empty.folder] : folders).join(', ') }) // prettier-ignore
    const { tokenizer } = corpora[0]!
    const text = await textOf(heldOut, tokenizer)
    if (E.isLeft(text)) return text
    const documents = (set: 'train' | 'heldOut') => corpora.reduce((n, { manifest }) => n + manifest[set].documents, 0)
    return E.right({
      tokenizer,
      train,
      heldOut,
      documents: { train: documents('train'), heldOut: documents('heldOut') },
      heldOutText: text.right,
      fingerprint: corpora.map(({ fingerprint }) => fingerprint).join('+'),
    })
  }

/** What a run was told, and what a corpus before it is, against what this one is. */
const fitsRun = async (
  { folder, manifest: { plan } }: OpenCorpus,
  { seq, vocab, packing, tokenizer }: CorpusConfig,
  before: OpenCorpus | undefined,
): Promise<E.Either<Fault, void>> => {
  const built = (option: string, expected: string, got: string) =>
    E.left(badInput(option, folder, `${expected}, as the corpus was built with`, got, `leave out ${option}, or build the corpus with it`)) // prettier-ignore
  if (plan.seqLength !== seq) return built('--seq', `${plan.seqLength} tokens`, String(seq))
  if (packing !== undefined && plan.packing !== packing) return built('--packing', plan.packing, packing)
  if (before !== undefined && before.manifest.plan.tokenizer !== plan.tokenizer)
    return E.left(badInput('--corpus', folder, `the tokenizer of ${before.folder} (fingerprint ${short(before.manifest.plan.tokenizer)})`, `another (${short(plan.tokenizer)})`)) // prettier-ignore
  const preparation = ({ prepare = 'none' }: BuildPlan): string => `text prepared as ${prepare}`
  if (before !== undefined && before.manifest.plan.prepare !== plan.prepare)
    return E.left(badInput('--corpus', folder, `${preparation(before.manifest.plan)}, as in ${before.folder}`, preparation(plan))) // prettier-ignore
  if (plan.vocabSize !== vocab) return built('--vocab', `${plan.vocabSize} entries`, String(vocab))
  if (tokenizer === undefined) return E.right(undefined)
  const given = await openTokenizer(tokenizer)()
  if (E.isLeft(given)) return given
  const got = given.right.fingerprint()
  return got === plan.tokenizer
    ? E.right(undefined)
    : built('--tokenizer', `the one of fingerprint ${short(plan.tokenizer)}`, `${tokenizer} (${short(got)})`)
}

const short = (fingerprint: string): string => fingerprint.slice(0, 12)

/** Held-out blocks that are read as text again, for sentences to correct. */
const mostShown = 256

/** Some of the held-out text: a shard has no other. Each unit of a block is a paragraph. */
const textOf = async (
  heldOut: Corpus['heldOut'],
  tokenizer: Corpus['tokenizer'],
): Promise<E.Either<Fault, readonly Document[]>> => {
  const count = Math.min(mostShown, heldOut.count)
  const numbers = Array.from({ length: count }, (_, i) => Math.floor((i * heldOut.count) / count))
  const blocks = await heldOut.fetch(numbers)()
  if (E.isLeft(blocks)) return blocks
  const { sep } = heldOut.specials
  return E.right(
    numbers.map((number) => {
      const row = blocks.right.rowAt(number)
      const units: string[] = []
      for (let from = 0; from < row.length;) {
        const end = row.indexOf(sep, from)
        const to = end < 0 ? row.length : end
        units.push(tokenizer.decode(row.subarray(from, to)))
        from = to + 1
      }
      return { text: units.join('\n\n'), source: `held-out block ${number}` }
    }),
  )
}

const isFolder = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  )

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  )
