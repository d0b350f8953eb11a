import { fileURLToPath } from 'node:url'
import { plainArrays, type PairProblem } from './problem'
import { pythonWith, run } from './python'

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

export const torchPython = (): Promise<string | null> => pythonWith('torch')

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
