import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'

/**
 * Tasks whose real files can be had, and how a model of size `tiny` is tuned to each: learned the same way from pretrained weights and from
 * drawn ones. MNLI trains on LingNLI, QNLI on the first half of its dev rows, as their own training rows are not there.
 */
export const taskPlans = {
  cola: { figure: 'matthews', epochs: 5 },
  'sst-2': { figure: 'accuracy', epochs: 3, rows: 16_000 },
  mrpc: { figure: 'f1', epochs: 5 },
  'sts-b': { figure: 'spearman', epochs: 5 },
  rte: { figure: 'accuracy', epochs: 5 },
  mnli: { figure: 'accuracy', epochs: 3, rows: 16_000 },
  qnli: { figure: 'accuracy', epochs: 5 },
}

/** What all runs have. The rate is that of `tiny`: on 8000 rows of SST-2 1e-4 and 3e-4 learn little in three epochs, 4e-3 nothing. */
export const common = { lr: 1e-3, batch: 32, seq: 64, evalsPerEpoch: 1 }

/** PDR as recipe 4.1 has it in the middle of its grid. */
export const robust = {
  tasks: ['sst-2', 'mnli'],
  pdr: 'divergence=hellinger,alpha=1,eps=1e-3',
  noise: 'typo=0.1,drop=0.1,seed=1',
}

/** One model for several tasks, and then for each of them alone. */
export const joint = {
  tasks: ['cola', 'sst-2', 'mrpc', 'sts-b', 'rte'],
  mixing: 'square-root',
  epochs: 3,
  rows: 16_000,
}

const lingnli = ['baseline', 'LitL', 'LotS'].map((name) => `train_${name}_rounds1-5.jsonl.gz`)

/** Files that are made of others, in `folder`, once. Settings of each task that come of where its rows lie. */
export const laidOut = (data, folder) => {
  mkdirSync(join(folder, 'QNLI'), { recursive: true })
  const once = (name, make) => {
    const path = join(folder, name)
    if (!existsSync(path)) writeFileSync(path, make())
    return path
  }
  const halves = (take) => {
    const [header, ...rows] = gunzipSync(readFileSync(join(data, 'glue', 'QNLI', 'dev.tsv.gz')))
      .toString('utf8')
      .trimEnd()
      .split('\n')
    const middle = rows.length >> 1
    return `${[header, ...(take === 'first' ? rows.slice(0, middle) : rows.slice(middle))].join('\n')}\n`
  }
  once('QNLI/train.tsv', () => halves('first'))
  once('QNLI/dev.tsv', () => halves('second'))
  const all = once('lingnli.jsonl.gz', () =>
    Buffer.concat(lingnli.map((name) => readFileSync(join(data, 'lingnli', name)))),
  )
  return (task) => (task === 'qnli' ? { data: folder } : { data, ...(task === 'mnli' ? { train: all } : {}) })
}
