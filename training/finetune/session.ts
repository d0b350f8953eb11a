import { stat } from 'node:fs/promises'
import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import type { Device, DeviceName } from '../../kernels'
import { badInput, ofRun, type Fault } from '../fault'
import { openNamed, type DeviceChoices } from '../pretrain/device'
import { uploadAll } from '../runner'
import { askedTask, locate, type Answer, type Example, type Split, type Task, type TaskRows } from '../tasks'
import { openAnswerer } from './answers'
import { encoderOf } from './encode'
import { namedAvals, type HeadedTask } from './model'
import { openTuned, type SavedTuned } from './saved'

/** A tuned model on a device, ready to answer. */
export interface Session {
  readonly saved: SavedTuned
  readonly device: Device
  readonly answer: (task: Task, examples: readonly Example[]) => TE.TaskEither<Fault, readonly Answer[]>
  readonly close: () => Promise<void>
}

export interface SessionSpec extends DeviceChoices {
  readonly from: string
  readonly device?: DeviceName | 'auto'
  /** Rows that are computed at once. */
  readonly rows: number
  /** See CompileOptions. */
  readonly fused?: boolean
}

export const openSession =
  ({ from, device: name = 'auto', rows, fused = true, ...choices }: SessionSpec): TE.TaskEither<Fault, Session> =>
  async () => {
    const saved = await openTuned(from)()
    if (E.isLeft(saved)) return saved
    const { model, settings, tokenizer, checkpoint } = saved.right
    const encode = encoderOf(tokenizer, settings)
    if (E.isLeft(encode)) return encode
    const device = await openNamed(name, choices)()
    if (E.isLeft(device)) return device
    const arrays = [...namedAvals(model)].map(([path, aval]) => [path, checkpoint.arrays.get(path)!, aval] as const)
    const params = await uploadAll(device.right, arrays)()
    if (E.isLeft(params)) {
      await device.right.close()
      return E.left(ofRun(params.left, 'parameters'))
    }
    const answerer = openAnswerer({ device: device.right, model, rows, seq: settings.seq, fused })
    return E.right({
      saved: saved.right,
      device: device.right,
      answer: (task, examples) => async () => {
        const headed = answering(saved.right, task)
        if (E.isLeft(headed)) return headed
        const answers = await answerer.answer(params.right, headed.right, examples.map(encode.right))()
        return E.isLeft(answers) ? E.left(ofRun(answers.left, `rows of ${task.name}`)) : answers
      },
      close: () => {
        answerer.dispose()
        return device.right.close()
      },
    })
  }

/** left  a task that the model was not tuned to */
export const answering = (
  { model, checkpoint }: SavedTuned,
  { name, answeredBy = name }: Task,
): E.Either<Fault, HeadedTask> => {
  const found = model.tasks.find(({ task }) => task.name === answeredBy)
  return found === undefined
    ? E.left(badInput('--task', checkpoint.path, `one of ${model.tasks.map(({ task }) => task.name).join(', ')}, which the model was tuned to`, answeredBy === name ? name : `${name}, which is answered by ${answeredBy}`)) // prettier-ignore
    : E.right(found)
}

/** The task that was asked for: of the model, or any other by `askedTask`. left  one that the model does not answer */
export const sessionTask =
  ({ saved }: Session, asked: string): TE.TaskEither<Fault, Task> =>
  async () => {
    const own = saved.model.tasks.find(({ task }) => task.name === asked)
    if (own !== undefined) return E.right(own.task)
    const other = await askedTask(asked)()
    if (E.isLeft(other)) return other
    const isAnswered = answering(saved, other.right.task)
    return E.isLeft(isAnswered) ? isAnswered : E.right(other.right.task)
  }

/** Rows of a task's split in a folder, or those of a file, and the file they are in. */
export const readSplit =
  (task: Task, split: Split, data: string): TE.TaskEither<Fault, TaskRows & { readonly file: string }> =>
  async () => {
    const isFile = await stat(data).then(
      (found) => found.isFile(),
      () => false, // locate says what is missing
    )
    const file = isFile ? E.right(data) : await locate(task, split, data)()
    if (E.isLeft(file)) return file
    const rows = await task.read(file.right, split)()
    return E.isLeft(rows) ? rows : E.right({ file: file.right, ...rows.right })
  }
