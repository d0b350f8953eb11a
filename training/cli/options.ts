import type { Command } from 'commander'
import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import { deviceNames, matmulChoices } from '../../kernels'
import { initNames, positionNames, presetNames, rematNames, sharingNames } from '../../models'
import type { Fault } from '../fault'
import { flavourNames } from '../scaling'
import { packings } from '../data/packing'
import { decidedByCorpus } from '../pretrain/built-corpus'
import { decideConfig, type PretrainConfig } from '../pretrain/config'
import { objectives } from '../objectives'
import { configFaults, configFile, isPlain, type Flags } from './config-file'

export type { Flags } from './config-file'

/** A number where the text is one; else the text, for the codec to refuse with what was given. */
export const numeric = (text: string): number | string =>
  text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : text

const deviceHelp = `auto | ${deviceNames.join(' | ')}`

export const deviceOption = (command: Command): Command =>
  command
    .option('--device <name>', deviceHelp)
    .option('--threads <n>', 'threads of the wasm device; 0: one for each core (default 0)', numeric)
    .option('--matmul <name>', `${matmulChoices.join(' | ')}: matrix products of the wasm device (default auto)`)

export const objectiveHelp = `${Object.keys(objectives).join(' | ')} | FILE.mjs#NAME (default t-nlrv5)`
export const packingHelp = `${packings.join(' | ')}: how units become rows (default stream)`
export const precisionHelp = 'f32 | f16 | bf16: what the model computes in (default f32)'
export const lossScaleHelp = `${flavourNames.join(' | ')} | none, with settings as in apex:init=2^12,window=100 (default fairseq for f16, else none)`

/** How a step is cut to fit a memory. */
export const fitOptions = (command: Command): Command =>
  command
    .option(
      '--micro-batch <rows>',
      'rows of a step that are computed at once: a divisor of the batch (default all)',
      numeric,
    )
    .option('--remat <name>', `${rematNames.join(' | ')}: what is computed again instead of being kept (default none)`)
    .option('--memory <gb>', 'GB of 1e9 bytes that a step may take: chooses --micro-batch and --remat', numeric)

/** What a model is, beside its sizes. */
export const modelOptions = (command: Command): Command =>
  command
    .option('--positions <name>', `${positionNames.join(' | ')}: how places are known (default relative)`)
    .option('--sharing <name>', `${sharingNames.join(' | ')}: what the two models share (default token)`)
    .option('--init <name>', `${initNames.join(' | ')}: how weights start (default normal)`)

/** Which tokens are masked, and what takes their place. */
const maskOptions = (command: Command): Command =>
  command
    .option('--mask-rate <p>', 'share of the tokens that are masked (default 0.15)', numeric)
    .option('--mask-keep <p>', 'of the masked tokens, the share that stays as it is (default 0)', numeric)
    .option('--mask-random <p>', 'of the masked tokens, the share that becomes any token (default 0)', numeric)
    .option('--whole-word', 'mask whole words')

/** The options that pretraining and the demonstration share. */
export const pretrainOptions = (command: Command): Command =>
  maskOptions(modelOptions(fitOptions(deviceOption(command))))
    .option(
      '--corpus <file...>',
      'plain text, or .jsonl with a "text" field, each also .gz or .br; or folders of corpus build',
    )
    .option('--corpus-weights <w,...>', 'how often each folder is drawn from (default by its size)', weights)
    .option('--tokenizer <file>', 'tokenizer.json, .model or vocab.txt, in place of one trained on the corpus')
    .option('--packing <name>', packingHelp)
    .option('--preset <name>', `${presetNames.join(' | ')} (default tiny)`)
    .option('--objective <name>', objectiveHelp)
    .option('--aux-from <dir>', 'a run whose auxiliary is taken, for an objective with a frozen one')
    .option('--steps <n>', 'steps to take in all', numeric)
    .option('--batch <b>', 'rows of a step', numeric)
    .option('--seq <t>', 'tokens of a row', numeric)
    .option('--vocab <v>', 'entries of the vocabulary, which is trained on the corpus', numeric)
    .option('--lr <x>', 'peak learning rate', numeric)
    .option('--warmup <n>', 'steps of rising learning rate (default steps / 10)', numeric)
    .option('--precision <name>', precisionHelp)
    .option('--loss-scale <name>', lossScaleHelp)
    .option('--seed <k>', 'of initialisation, order and masks', numeric)
    .option('--out <dir>', 'folder of checkpoints, tokenizer, log and report')
    .option('--save-every <n>', 'steps between checkpoints (default steps / 10)', numeric)
    .option('--keep <n>', 'newest checkpoints that stay (default 2); the best lies in --out/best', numeric)
    .option('--eval-batches <n>', 'held-out batches of an evaluation; 0: none (default 16)', numeric)
    .option('--eval-every <n>', 'steps between evaluations; 0: before and after alone (default 0)', numeric)
    .option('--config <file>', 'settings as JSON, by the names of the options and of the model sizes; options win')

/** `3,1` */
const weights = (text: string): readonly unknown[] => text.split(',').map(numeric)

const notSettings = new Set(['config', 'json', 'resume', 'tensorboard'])

export const configOf =
  (flags: Flags, defaults: Flags = {}): TE.TaskEither<readonly Fault[], PretrainConfig> =>
  async () => {
    const file = await configFile(flags['config'])()
    if (E.isLeft(file)) return E.left([file.left])
    const given = Object.fromEntries(Object.entries(flags).filter(([key]) => !notSettings.has(key)))
    const fromFileOr = (key: string): unknown => given[key] ?? (isPlain(file.right) ? file.right[key] : undefined)
    const decidedFor = await decidedByCorpus(fromFileOr('corpus'), fromFileOr('tokenizer'))()
    if (E.isLeft(decidedFor)) return E.left([decidedFor.left])
    const decided = decideConfig(
      isPlain(file.right) ? { ...defaults, ...decidedFor.right, ...file.right } : file.right,
      given,
    )
    return E.isRight(decided) ? decided : E.left(configFaults(flags, decided.left))
  }
