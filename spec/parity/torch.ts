import { spawn } from 'node:child_process'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { plainArrays, type PairProblem } from './problem'

/** What the PyTorch program answers: gradients, or parameters after the last step, by path. */
export interface Answer {
  readonly loss: number
  readonly terms: { readonly [name: string]: number }
  readonly arrays: { readonly [path: string]: readonly number[] }
  /** Norm of the gradient before clipping, by step; empty for gradients. */
  readonly norms: readonly number[]
  readonly torch: string
}

export interface TorchOptimizer {
  readonly b1: number
  readonly b2: number
  readonly eps: number
  readonly weightDecay: number
  readonly clipNorm: number
  /** One learning rate for each step. */
  readonly rates: readonly number[]
}

export interface Output {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A program run to its end on a text: code null if there is no such program or a signal ended it. */
export const run = (command: string, args: readonly string[], input: string): Promise<Output> =>
  new Promise((done) => {
    const child = spawn(command, args)
    let [stdout, stderr] = ['', '']
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
    child.on('error', (error) => done({ code: null, stdout, stderr: error.message }))
    child.on('close', (code) => done({ code, stdout, stderr }))
    child.stdin.on('error', () => undefined) // it ended before it had read all: its code says so
    child.stdin.end(input)
  })

const candidates = (): readonly string[] => {
  const named = process.env['EMEND_TORCH_PYTHON'] ?? ''
  return [...(named === '' ? [] : [named]), join(homedir(), '.cache', 'emend-torch', 'bin', 'python'), 'python3']
}

/** Whether it has torch, without the seconds that importing it takes. */
const looksForTorch = 'import importlib.util, sys; sys.exit(importlib.util.find_spec("torch") is None)'

const findTorchPython = async (): Promise<string | null> => {
  for (const python of candidates()) if ((await run(python, ['-c', looksForTorch], '')).code === 0) return python
  return null
}

let found: Promise<string | null> | undefined

/** The Python with torch, looked for once; where there is none a SKIP line says so, which CI counts as a failure. */
export const torchPython = (): Promise<string | null> => {
  found ??= findTorchPython().then((python) => {
    if (python === null) console.log(`\nSKIP parity: none of ${candidates().join(', ')} has torch`)
    return python
  })
  return found
}

const program = fileURLToPath(new URL('pair.py', import.meta.url))

/** Questions answered by one process, in order: starting it takes longer than the answers. */
const ask = async (python: string, questions: readonly object[]): Promise<readonly Answer[]> => {
  const { code, stdout, stderr } = await run(python, [program], JSON.stringify(questions))
  if (code !== 0) throw new Error(`pair.py ended with ${String(code)}:\n${stderr}`)
  return JSON.parse(stdout) as readonly Answer[]
}

const question = (problem: PairProblem): object => ({
  dtype: 'float64',
  config: problem.config,
  ...plainArrays(problem),
})

/** Loss, terms and the gradient of every parameter, in torch.float64. */
export const torchGradients = async (python: string, problem: PairProblem): Promise<Answer> =>
  (await ask(python, [{ task: 'gradients', ...question(problem) }]))[0]!

/** Parameters after as many steps as there are rates, in torch.float64, for each optimizer: torch's own clipping and AdamW. */
export const torchTraining = (
  python: string,
  problem: PairProblem,
  optimizers: readonly TorchOptimizer[],
): Promise<readonly Answer[]> =>
  ask(
    python,
    optimizers.map((optimizer) => ({ task: 'train', optimizer, ...question(problem) })),
  )
