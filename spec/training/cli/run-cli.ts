import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const bin = join(process.cwd(), 'dist', 'cli.js')

export interface CliResult {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}
export interface CliOptions {
  readonly input?: string
  readonly env?: Readonly<Record<string, string>>
  /** Sees standard output as it grows; may end the process. */
  readonly watch?: (stdout: string, child: ChildProcess) => void
}

/** The built command line in a process of its own, as a user runs it. */
export const emend = (args: readonly string[], options: CliOptions = {}): Promise<CliResult> => {
  if (!existsSync(bin)) throw new Error('dist/cli.js is missing: npm run build')
  return new Promise((done) => {
    const child = spawn(process.execPath, [bin, ...args], { env: { ...process.env, ...options.env } })
    let [stdout, stderr] = ['', '']
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString()
      options.watch?.(stdout, child)
    })
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
    child.stdin.end(options.input ?? '')
    child.on('close', (code) => done({ code, stdout, stderr }))
  })
}

/** A folder that is gone at the end of the process. */
export const temporary = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'emend-spec-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  return folder
}

const words =
  'the of and to in that we people shall have government states congress nation public great may been upon year'
const list = words.split(' ')

/** A text of `sentences` sentences of common words, in paragraphs: the same at every call. */
export const plainText = (sentences: number): string => {
  let state = 7
  const next = (n: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * n)
  }
  return Array.from({ length: sentences }, (_, i) => {
    const sentence = Array.from({ length: 8 + next(8) }, () => list[Math.min(next(list.length), next(list.length))]!)
    const text = sentence.join(' ')
    return `${text[0]!.toUpperCase()}${text.slice(1)}.${i % 5 === 4 ? '\n\n' : ' '}`
  }).join('')
}

/** Settings of a model so small that a step takes milliseconds. */
export const smallSettings = {
  hidden: 16,
  heads: 2,
  mainLayers: 1,
  auxLayers: 1,
  buckets: 8,
  maxDistance: 16,
  seq: 16,
  batch: 4,
  vocab: 280,
  steps: 12,
  saveEvery: 3,
  evalBatches: 1,
  device: 'gpujs:webasm',
} as const

export interface Workshop {
  readonly folder: string
  readonly text: string
  readonly config: string
  /** Pretrains on the text by the config, with --json, into a folder of the workshop. */
  readonly pretrain: (out: string, more?: readonly string[], options?: CliOptions) => Promise<CliResult>
}

/** A folder with `text.txt` and `small.json`. */
export const workshop = (): Workshop => {
  const folder = temporary()
  const [text, config] = [join(folder, 'text.txt'), join(folder, 'small.json')]
  writeFileSync(text, plainText(400))
  writeFileSync(config, JSON.stringify(smallSettings))
  const pretrain: Workshop['pretrain'] = (out, more = [], options = {}) =>
    emend(['pretrain', '--json', '--corpus', text, '--config', config, '--out', join(folder, out), ...more], options)
  return { folder, text, config, pretrain }
}

export const jsonLines = (stdout: string): readonly Readonly<Record<string, unknown>>[] =>
  stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>)
