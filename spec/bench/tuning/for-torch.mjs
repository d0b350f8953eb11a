import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { bucketsOf } from 'emend/models'
import { lengthFor, orderOf } from 'emend/training'

/** Rows of ids as a rectangle of one length; what is not there is one token of padding. */
const batchOf = (rows, B, T, pad) => ({
  T,
  ids: Array.from({ length: B }, (_, b) => Array.from({ length: T }, (_, i) => rows[b]?.[i] ?? pad)),
  lengths: Array.from({ length: B }, (_, b) => rows[b]?.length ?? 1),
})

/** Batches in order of length, as emend answers rows; `rows`: which they are. */
export const inferenceBatches = (ids, B, seq, pad) => {
  const order = ids.map((_, i) => i).sort((i, j) => ids[i].length - ids[j].length)
  return Array.from({ length: Math.ceil(order.length / B) }, (_, k) => {
    const part = order.slice(k * B, (k + 1) * B)
    const rows = part.map((i) => ids[i])
    return { ...batchOf(rows, B, lengthFor(rows.at(-1).length, seq), pad), rows: part }
  })
}

/** Batches of an epoch, as emend takes them. */
export const epochBatches = (ids, targets, { batch, seed }, seq, pad) => {
  const order = orderOf({ sizes: [ids.length], batch, mixing: { kind: 'proportional' }, seed })
  return Array.from({ length: order.stepsPerEpoch }, (_, step) => {
    const { rows: part } = order.at(step)
    const rows = part.map((i) => ids[i])
    const T = lengthFor(Math.max(...rows.map((row) => row.length)), seq)
    const own = { targets: part.map((i) => targets[i]), weights: part.map(() => 1) }
    for (const list of Object.values(own)) while (list.length < batch) list.push(0)
    return { ...batchOf(rows, batch, T, pad), ...own }
  })
}

/** The work for encoder.py: sizes, buckets of relative positions by distance -(T-1) ... T-1 of the longest row, batches. */
export const writeWork = (folder, { model, seq, ...work }) => {
  const { of } = bucketsOf(model)
  const buckets = Array.from({ length: 2 * seq - 1 }, (_, i) => of(i - (seq - 1)))
  writeFileSync(join(folder, 'work.json'), JSON.stringify({ model, seq, buckets, ...work }))
}
