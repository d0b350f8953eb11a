import type { Command } from 'commander'
import * as E from 'fp-ts/Either'
import { openCorpus, type OpenCorpus } from '../../data/shards/open'
import type { SetName, ShardSet } from '../../data/shards/manifest'
import { badInput, type Fault } from '../../fault'
import { numeric, type Flags } from '../options'
import { print, printJson, type Outcome } from '../outcome'

export const inspectCommand = (corpus: Command, run: (outcome: Promise<Outcome>) => void): void => {
  corpus
    .command('inspect')
    .description('what a corpus folder holds')
    .argument('<dir>', 'a folder that corpus build has made')
    .option('--verify', 'read every shard and compare its checksum')
    .option('--show <n>', 'blocks of each set that are shown as text, spread over it (default 2)', numeric)
    .option('--json', 'one JSON object')
    .action((folder: string, flags: Flags) => run(runInspect(folder, flags)))
}

interface ShownBlock {
  readonly set: SetName
  readonly block: number
  readonly text: string
}

const runInspect = async (folder: string, flags: Flags): Promise<Outcome> => {
  const show = flags['show'] ?? 2
  if (!(typeof show === 'number' && Number.isInteger(show) && show >= 0))
    return E.left([badInput('--show', '', 'a whole number, 0 or more', JSON.stringify(show))])
  const isVerified = flags['verify'] === true
  const opened = await openCorpus(folder, { verify: isVerified })()
  if (E.isLeft(opened)) return E.left([opened.left])
  const corpus = opened.right
  const shown: ShownBlock[] = []
  for (const set of ['train', 'heldOut'] as const) {
    const blocks = await shownBlocks(corpus, set, show)
    if (E.isLeft(blocks)) return E.left([blocks.left])
    shown.push(...blocks.right)
  }
  const { plan, train, heldOut } = corpus.manifest
  if (flags['json'] === true) {
    const { sources: _sources, heldOutSources: _heldOutSources, ...settings } = plan
    printJson({ fingerprint: corpus.fingerprint, verified: isVerified, prepare: 'none', ...settings, train: figures(train, plan.seqLength), heldOut: figures(heldOut, plan.seqLength), shown }) // prettier-ignore
    return E.right(0)
  }
  print(`fingerprint  ${corpus.fingerprint}${isVerified ? ', every checksum as written' : ''}`)
  print(`tokenizer    ${plan.vocabSize} entries, fingerprint ${plan.tokenizer.slice(0, 16)}, ids in ${plan.dtype}`)
  print(
    `blocks       of ${plan.seqLength} tokens, packing ${plan.packing}, by ${plan.unit}${plan.prepare === undefined ? '' : `, prepared as ${plan.prepare}`}`,
  )
  for (const [name, set] of [['train', train], ['held out', heldOut]] as const) print(`${name.padEnd(13)}${describe(set, plan.seqLength)}`) // prettier-ignore
  for (const { set, block, text } of shown) print(`\n${set} ${block}: ${text}`)
  return E.right(0)
}

const figures = ({ documents, blocks, tokens, dropped, shards }: ShardSet, T: number) => ({
  documents,
  blocks,
  tokens,
  padding: blocks * (T - 1) - tokens,
  dropped,
  shards: shards.length,
})

const describe = (set: ShardSet, T: number): string => {
  const { documents, blocks, tokens, padding, dropped, shards } = figures(set, T)
  return `${blocks} blocks in ${shards} shards: ${tokens} tokens and ${padding} of padding from ${documents} documents, ${dropped} dropped`
}

const shownBlocks = async (
  { train, heldOut, tokenizer }: OpenCorpus,
  set: SetName,
  show: number,
): Promise<E.Either<Fault, readonly ShownBlock[]>> => {
  const source = set === 'train' ? train : heldOut
  const count = Math.min(show, source.count)
  const numbers = Array.from({ length: count }, (_, i) => Math.floor((i * source.count) / count))
  const blocks = await source.fetch(numbers)()
  if (E.isLeft(blocks)) return blocks
  return E.right(
    numbers.map((block) => ({ set, block, text: tokenizer.decode(blocks.right.rowAt(block), { specials: 'keep' }) })),
  )
}
