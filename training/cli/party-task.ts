import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import { describeError } from '../checkpoint/atomic-write'
import { ioError, type Fault } from '../fault'
import type { OwnTask } from '../tasks'

/** Which of two parties a passage of an address is of, by a president of since 1900: a task on real text that is there with the package. */
const party: OwnTask = {
  name: 'party',
  labels: ['democratic', 'republican'],
  texts: ['passage'],
  label: 'party',
}

/** A passage is whole sentences: as few as have the least words; one of more than the most is left out. */
const words = { least: 18, most: 60 } as const
/** Passages of an address, at most: taken evenly from all of it. */
const passagesOf = { train: 24, dev: 20 } as const
/** Every so many-th address is asked about; none of its passages is trained on. */
const heldOutEvery = 4

/** Where the task lies: `folder` for --data, `task` for --task. */
export interface PartyTask {
  readonly folder: string
  readonly task: string
}

/** Writes the task's files, made of the addresses: `1962_john_f_kennedy_d.txt`. */
export const writePartyTask =
  (addresses: readonly string[], folder: string): TE.TaskEither<Fault, PartyTask> =>
  async () => {
    try {
      await mkdir(folder, { recursive: true })
      const known = addresses.filter((file) => /^(19|20)\d\d_.*_[dr]\.txt$/.test(basename(file)))
      const rows: Record<'train' | 'dev', string[]> = { train: [], dev: [] }
      for (const [i, file] of known.entries()) {
        const split = i % heldOutEvery === heldOutEvery - 1 ? 'dev' : 'train'
        const label = party.labels[basename(file).endsWith('_d.txt') ? 0 : 1]!
        const all = passages(await readFile(file, 'utf8'))
        const count = Math.min(all.length, passagesOf[split])
        for (let k = 0; k < count; k += 1) rows[split].push(`${all[Math.floor((k * all.length) / count)]!}\t${label}`)
      }
      for (const split of ['train', 'dev'] as const)
        await writeFile(join(folder, `${split}.tsv`), `${['passage\tparty', ...rows[split]].join('\n')}\n`)
      const task = join(folder, 'party.json')
      await writeFile(task, `${JSON.stringify(party, null, 2)}\n`)
      return E.right({ folder, task })
    } catch (error) {
      return E.left(ioError('demo', folder, 'a folder that can be written', describeError(error)))
    }
  }

const passages = (text: string): readonly string[] => {
  const out: string[] = []
  let passage: string[] = []
  for (const sentence of text
    .trim()
    .replace(/\s+/g, ' ')
    .split(/(?<=[.?!]) (?=[A-Z])/)) {
    passage.push(...sentence.split(' '))
    if (passage.length < words.least) continue
    if (passage.length <= words.most) out.push(passage.join(' '))
    passage = []
  }
  return out
}
