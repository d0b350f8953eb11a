import { createHash } from 'node:crypto'
import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import type { Device } from '../../kernels'
import { permuted } from '../data/draw'
import type { Tokenizer } from '../data/tokenizer/tokenizer'
import { badInput, type Fault } from '../fault'
import { openNamed } from '../pretrain/device'
import { askedTask, locate, toldOf, type AskedTask, type Example, type Split, type Task } from '../tasks'
import type { FinetuneConfig } from './config'
import { encoderOf, type EncodedExample } from './encode'
import { takesSan, type AnswerForm } from './heads'
import { headed, type TunedModel } from './model'
import { openBeginning, type Beginning, type TunedSettings } from './saved'

/** A task's rows of a split, read and encoded. */
export interface Rows {
  readonly file: string
  readonly examples: readonly Example[]
  /** What was not used as it stands in the file, a line each. */
  readonly told: readonly string[]
  readonly encoded: readonly EncodedExample[]
}

/** Everything that fine-tuning needs, checked; nothing has been written. */
export interface Opened {
  readonly config: FinetuneConfig
  readonly model: TunedModel
  readonly settings: TunedSettings
  readonly tokenizer: Tokenizer
  readonly beginning: Pick<Beginning, 'learned'>
  readonly seq: number
  /** By task, in the order of `config.task`. */
  readonly train: readonly Rows[]
  readonly dev: readonly Rows[]
  readonly device: Device
  /** What is compared on resume: settings that shape the numbers, and the rows themselves. */
  readonly identity: Readonly<Record<string, unknown>>
}

/** left  whatever is wrong with settings, files, rows or the device */
export const openTasks =
  (config: FinetuneConfig): TE.TaskEither<Fault, Opened> =>
  async () => {
    const asked = await askedTasks(config.task)()
    if (E.isLeft(asked)) return asked
    const tasks = asked.right.map(({ task }) => task)
    const begun = await openBeginning(config.from)()
    if (E.isLeft(begun)) return begun
    const { tokenizer, checkpoint, config: sizes } = begun.right
    const { seq = sizes.maxLength, separators, headDropout } = config
    if (seq > sizes.maxLength)
      return E.left(badInput('--seq', config.from, `at most the model's ${sizes.maxLength} tokens`, String(seq)))
    const encode = encoderOf(tokenizer, { seq, separators })
    if (E.isLeft(encode)) return encode
    const train: Rows[] = []
    const dev: Rows[] = []
    for (const task of tasks)
      for (const [split, into] of [
        ['train', train],
        ['dev', dev],
      ] as const) {
        const rows = await readRows(task, split, config, encode.right)()
        if (E.isLeft(rows)) return rows
        into.push(rows.right)
      }
    const answered = tasks.map((task, i) => headed(task, answerFor(config, task, train[i]!)))
    if (config.answer === 'san' && answered.every(({ answer }) => answer !== 'san'))
      return E.left(badInput('--answer', `--task ${config.task.join(',')}`, 'pooled, without a classification of pairs', 'san')) // prettier-ignore
    const device = await openNamed(config.device, config)()
    if (E.isLeft(device)) return device
    return E.right({
      config,
      model: { config: sizes, headDropout, tasks: answered },
      settings: {
        tasks: answered.map(({ task: { name }, answer }, i) => {
          const { own } = asked.right[i]!
          return { name, answer, ...(own === undefined ? {} : { own }) }
        }),
        headDropout,
        seq,
        separators,
      },
      tokenizer,
      beginning: config.untrained ? { learned: new Map() } : begun.right,
      seq,
      train,
      dev,
      device: device.right,
      identity: identityOf(config, checkpoint.header.sha256, [...train, ...dev]),
    })
  }

const answerFor = ({ answer }: FinetuneConfig, { head }: Task, { examples }: Rows): AnswerForm =>
  answer === 'san' && takesSan(head, examples[0]!.readings[0]!.second !== undefined) ? 'san' : 'pooled'

/** left  a name that no task has, or a task without training rows */
const askedTasks =
  (names: readonly string[]): TE.TaskEither<Fault, readonly AskedTask[]> =>
  async () => {
    const found: AskedTask[] = []
    for (const name of names) {
      const asked = await askedTask(name)()
      if (E.isLeft(asked)) return asked
      const { answeredBy } = asked.right.task
      if (answeredBy !== undefined)
        return E.left(badInput('--task', '', 'a task with training rows', `${name}, which a model tuned to ${answeredBy} answers`)) // prettier-ignore
      found.push(asked.right)
    }
    const same = found.find(({ task }, i) => found.findIndex((other) => other.task.name === task.name) < i)
    return same === undefined
      ? E.right(found)
      : E.left(badInput('--task', '', 'each task once', `${same.task.name} twice`))
  }

const readRows =
  (
    task: Task,
    split: Split,
    { data, train, rows: most, seed }: FinetuneConfig,
    encode: (example: Example) => EncodedExample,
  ): TE.TaskEither<Fault, Rows> =>
  async () => {
    const isGiven = split === 'train' && train !== undefined
    const file = isGiven ? E.right(train) : await locate(task, split, data)()
    if (E.isLeft(file)) return file
    const read = await task.read(file.right, split)()
    if (E.isLeft(read)) return read
    const { examples: found } = read.right
    const all = found.filter(({ target }) => target !== undefined)
    if (all.length === 0)
      return E.left(badInput(`--task ${task.name}`, file.right, 'rows with labels', `${found.length} without`))
    const examples =
      split === 'train' && most !== undefined && most < all.length
        ? Array.from({ length: most }, (_, i) => all[permuted(seed, 0, all.length, i)]!)
        : all
    return E.right({ file: file.right, examples, told: toldOf(read.right), encoded: examples.map(encode) })
  }

const identityOf = (config: FinetuneConfig, from: string, rows: readonly Rows[]): Readonly<Record<string, unknown>> => {
  const {
    out: _out,
    data: _data,
    from: _from,
    train: _train,
    seed: _seed,
    seeds: _seeds,
    device: _device,
    threads: _threads,
    matmul: _matmul,
    microBatch: _microBatch,
    remat: _remat,
    ...rest
  } = config
  const hash = createHash('sha256')
  for (const { examples } of rows) hash.update(JSON.stringify(examples))
  return { ...rest, beginning: from, text: hash.digest('hex') }
}
