import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** What fine-tuning leaves in its folder, beside a folder for each seed. */
export const finetuneFiles = {
  config: 'config.json',
  result: 'result.json',
} as const

/** What each seed leaves in its folder, beside the checkpoint of its best evaluation and the tokenizer. */
export const seedFiles = {
  log: 'log.jsonl',
  dev: 'dev.jsonl',
  result: 'result.json',
  /** A folder: the newest state, to go on from. */
  last: 'last',
} as const

export const seedFolder = (out: string, seed: number): string => join(out, `seed-${seed}`)

/** The folder of the best of several runs, as their result tells; undefined where there is none. */
export const bestRun = async (folder: string): Promise<string | undefined> => {
  try {
    const result: unknown = JSON.parse(await readFile(join(folder, finetuneFiles.result), 'utf8'))
    const best = typeof result === 'object' && result !== null && 'bestSeed' in result ? result.bestSeed : undefined
    return typeof best === 'number' ? seedFolder(folder, best) : undefined
  } catch {
    return undefined // a pretrained run, or a file: what is wrong with it is told where it is opened
  }
}
