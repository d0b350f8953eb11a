import { mkdir, readdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import { sizeOf } from '../../core'
import { describeError } from '../checkpoint/atomic-write'
import { badInput, ioError, type Fault } from '../fault'
import { checkKind, checkOut, holdsRun, writeText } from '../pretrain/folder'
import type { FinetuneConfig } from './config'
import { finetuneFiles } from './folder'
import { namedAvals } from './model'
import type { Opened } from './open'
import { resultOf } from './state'

const isOurs = (name: string): boolean =>
  /^seed-\d+$/.test(name) || Object.values(finetuneFiles).some((file) => file === name)

/** left  no room, no permission, nothing to resume, or something else than this; nothing has been changed */
export const checkFolder =
  (opened: Opened, resume: boolean): TE.TaskEither<Fault, void> =>
  async () => {
    const { config, model } = opened
    // Best and newest state, each written before the one it replaces is removed; the newest with two moments.
    const bytes = [...namedAvals(model).values()].reduce((n, { shape }) => n + 4 * sizeOf(shape), 0)
    const room = await checkOut(config.out, 8 * bytes)()
    if (E.isLeft(room)) return room
    const kind = await checkKind(config.out, 'tuned')()
    if (E.isLeft(kind) || !resume) return kind
    if (!(await holdsRun(config.out)))
      return E.left(badInput('--resume', config.out, 'a folder of an earlier run', 'none', 'leave out --resume to start one')) // prettier-ignore
    for (let seed = config.seed; seed < config.seed + config.seeds; seed += 1) {
      const known = await resultOf(opened, seed)()
      if (E.isLeft(known)) return known
    }
    return E.right(undefined)
  }

/** What the folder tells of its settings. */
export const writeConfig = (config: FinetuneConfig): TE.TaskEither<Fault, void> =>
  writeText(config.out, finetuneFiles.config, `${JSON.stringify(config, null, 2)}\n`)

/** The folder of a run, ready. What an earlier one left there is moved to `previous-N`; a resumed one finds what it left. */
export const beginFolder =
  (
    config: FinetuneConfig,
    resume: boolean,
    notice: (text: string) => void = () => undefined,
  ): TE.TaskEither<Fault, void> =>
  async () => {
    const { out } = config
    try {
      await mkdir(out, { recursive: true })
      const names = await readdir(out)
      const old = names.filter(isOurs)
      if (!resume && old.length > 0) {
        let n = 1
        while (names.includes(`previous-${n}`)) n += 1
        const aside = join(out, `previous-${n}`)
        await mkdir(aside)
        for (const name of old) await rename(join(out, name), join(aside, name))
        notice(`an earlier run was in ${out}: moved to ${aside}`)
      }
    } catch (error) {
      return E.left(ioError('--out', out, 'a folder that can be written', describeError(error)))
    }
    return resume ? E.right(undefined) : writeConfig(config)()
  }
