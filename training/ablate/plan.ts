import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as E from 'fp-ts/Either'
import * as t from 'io-ts'
import type * as TE from 'fp-ts/TaskEither'
import { closed, codecFaults, PositiveInt, Uint32 } from '../../core'
import { describeError } from '../checkpoint/atomic-write'
import { badInput, type Fault } from '../fault'
import { decidedByCorpus, type DecidedByCorpus } from '../pretrain/built-corpus'
import { decideConfig, type PretrainConfig } from '../pretrain/config'

/** A real task that frozen representations are tried on: files of tab-separated values. */
export const ProbeTask = closed(
  'probe',
  {
    train: t.string, // .tsv, also .gz or .br
    dev: t.string,
    text: t.union([t.string, t.Int], 'a column by name or, where there is no header, by number from 0'),
    label: t.union([t.string, t.Int], 'a column by name or, where there is no header, by number from 0'),
  },
  { rows: PositiveInt }, // of the training file, at most; default all
)
export type ProbeTask = t.TypeOf<typeof ProbeTask>

const AblationFile = closed(
  'ablation',
  { variants: t.record(t.string, t.UnknownRecord) },
  {
    base: t.UnknownRecord, // settings that all variants share, as in a config file of pretrain
    seeds: t.readonlyArray(Uint32, 'a list of seeds'),
    out: t.string,
    probe: ProbeTask,
  },
)

export interface Variant {
  readonly name: string
  /** By seed. */
  readonly configs: ReadonlyMap<number, PretrainConfig>
}
export interface AblationPlan {
  readonly variants: readonly Variant[]
  readonly seeds: readonly number[]
  readonly out: string
  /** Tokens that every run trains on, steps x batch x seq: padding, where a packing has it, is among them. */
  readonly tokens: number
  readonly probe: ProbeTask | undefined
}

const defaultSeeds = [1, 2, 3]

/** A file of variants, read and decided. `base` of `flags` (options of the command) win over the file's. */
export const readAblation =
  (
    file: string,
    flags: Readonly<Record<string, unknown>>,
    out: string | undefined,
  ): TE.TaskEither<readonly Fault[], AblationPlan> =>
  async () => {
    let value: unknown
    try {
      value = JSON.parse(await readFile(file, 'utf8')) as unknown
    } catch (error) {
      return E.left([badInput('ablate', file, 'a JSON file', describeError(error))])
    }
    const decoded = AblationFile.decode(value)
    if (E.isLeft(decoded))
      return E.left(
        codecFaults(decoded.left).map(({ key, expected, got }) =>
          badInput(key === '' ? 'ablate' : `ablate: ${key}`, file, expected, got),
        ),
      )
    const { variants, seeds = defaultSeeds, probe } = decoded.right
    const base = { ...decoded.right.base, ...flags }
    const corpora = await decidedFor(variants, base)()
    if (E.isLeft(corpora)) return corpora
    return decideAblation({ variants, base, seeds, out: out ?? decoded.right.out, probe, corpora: corpora.right }, file)
  }

/** What each variant's corpus, or its tokenizer, has decided. left  the faults of all */
const decidedFor =
  (
    variants: Wanted['variants'],
    base: Wanted['base'],
  ): TE.TaskEither<readonly Fault[], ReadonlyMap<string, DecidedByCorpus>> =>
  async () => {
    const found = new Map<string, E.Either<Fault, DecidedByCorpus>>()
    const byName = new Map<string, DecidedByCorpus>()
    for (const [name, variant] of Object.entries(variants)) {
      const { corpus, tokenizer } = { ...base, ...variant }
      const key = JSON.stringify([corpus, tokenizer])
      const decided = found.get(key) ?? (await decidedByCorpus(corpus, tokenizer)())
      found.set(key, decided)
      if (E.isRight(decided)) byName.set(name, decided.right)
    }
    const faults = [...found.values()].flatMap((decided) => (E.isLeft(decided) ? [decided.left] : []))
    return faults.length > 0 ? E.left(faults) : E.right(byName)
  }

interface Wanted {
  readonly variants: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  readonly base: Readonly<Record<string, unknown>>
  readonly seeds: readonly number[]
  readonly out: string | undefined
  readonly probe: ProbeTask | undefined
  /** By variant: settings that its corpus or its tokenizer has decided. */
  readonly corpora?: ReadonlyMap<string, DecidedByCorpus>
}

/** left  every fault of every variant; variants that train on other numbers of tokens. */
export const decideAblation = (
  { variants, base, seeds, out = 'runs/ablation', probe, corpora = new Map() }: Wanted,
  where: string,
): E.Either<readonly Fault[], AblationPlan> => {
  const faults: Fault[] = []
  const wrong = (key: string, expected: string, got: string): void =>
    void faults.push(badInput(`ablate: ${key}`, where, expected, got))
  const names = Object.keys(variants)
  if (names.length === 0) wrong('variants', 'at least one', 'none')
  if (seeds.length === 0 || new Set(seeds).size !== seeds.length)
    wrong('seeds', 'one or more, each once', JSON.stringify(seeds))
  const decided: Variant[] = []
  for (const name of names) {
    if (!/^[\w.-]+$/.test(name))
      wrong(`variants.${name}`, 'a name of letters, digits, -, . and _', JSON.stringify(name))
    for (const key of ['seed', 'out'])
      if (key in variants[name]! || key in base)
        wrong(`variants.${name}.${key}`, `no ${key}: the ablation sets it`, 'one')
    const configs = new Map<number, PretrainConfig>()
    const settings: Readonly<Record<string, unknown>> = { ...corpora.get(name), ...base, ...variants[name] }
    for (const [key, value] of Object.entries(corpora.get(name) ?? {}))
      if (settings[key] !== value)
        wrong(`variants.${name}.${key}`, `${value}, as its corpus has`, JSON.stringify(settings[key]))
    for (const seed of seeds) {
      const config = decideConfig(settings, { seed, out: join(out, name, `seed-${seed}`) })
      if (E.isRight(config)) configs.set(seed, config.right)
      else if (seed === seeds[0])
        for (const { key, expected, got } of config.left) wrong(`variants.${name}.${key}`, expected, got)
    }
    decided.push({ name, configs })
  }
  if (faults.length > 0) return E.left(faults)
  const tokensOf = ({ configs }: Variant): number => {
    const { steps, batch, seq } = [...configs.values()][0]!
    return steps * batch * seq
  }
  const tokens = tokensOf(decided[0]!)
  for (const variant of decided)
    if (tokensOf(variant) !== tokens)
      wrong(
        `variants.${variant.name}`,
        `steps x batch x seq = ${tokens} tokens, as ${decided[0]!.name} has: variants are compared at equal tokens`,
        String(tokensOf(variant)),
      )
  return faults.length > 0 ? E.left(faults) : E.right({ variants: decided, seeds, out, tokens, probe })
}
