import { writeFile } from 'node:fs/promises'
import type { Command } from 'commander'
import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import type { DeviceName, MatmulChoice } from '../../kernels'
import { describeError } from '../checkpoint/atomic-write'
import { badInput, ioError, type Fault } from '../fault'
import {
  mcNemar,
  openSession,
  parsePerturbation,
  perturbed,
  showScores,
  type Perturbation,
  type Session,
} from '../finetune'
import { readSplit } from '../finetune/session'
import { splits, taskOf, tasks, type Answer, type Example, type Scores, type Split, type Task } from '../tasks'
import { deviceFaults, wholeFaults } from './load-pair'
import { deviceOption, numeric, type Flags } from './options'
import { print, printJson, type Outcome } from './outcome'

export const evaluateCommand = (program: Command, run: (outcome: Promise<Outcome>) => void): void => {
  deviceOption(program.command('evaluate'))
    .description('figures of a tuned model on the labelled rows of a task')
    .requiredOption('--task <t>', `one of ${Object.keys(tasks).join(' ')}`)
    .requiredOption('--data <dir>', 'folder of the tasks, or a labelled file of this one')
    .requiredOption('--from <dir>', 'a tuned run')
    .option('--split <name>', `${splits.join(' | ')} (default dev)`)
    .option('--perturb <settings>', 'answer noisy texts as well, as in typo=0.1,drop=0.1,seed=1')
    .option('--against <dir>', 'another tuned run, on the same rows: a paired test')
    .option('--answers <file>', 'write the answer to each row, a JSON line each')
    .option('--batch <b>', 'rows that are computed at once (default 32)', numeric)
    .option('--json', 'one JSON object')
    .action((flags: Flags) => run(runEvaluate(flags)))
}

/** What a model says to a task's rows, as they are and with noise. */
interface Evaluated {
  readonly answers: readonly Answer[]
  readonly metrics: Scores
  readonly perturbed?: {
    readonly answers: readonly Answer[]
    readonly metrics: Scores
    /** Share of the rows that are answered otherwise. */
    readonly flipRate: number
  }
}

const runEvaluate = async (flags: Flags): Promise<Outcome> => {
  const faults = [
    ...taskFaults(flags),
    ...splitFaults(flags),
    ...deviceFaults(flags),
    ...wholeFaults('--batch', flags['batch'], 1),
  ]
  const noise = typeof flags['perturb'] === 'string' ? parsePerturbation(flags['perturb']) : E.right(undefined)
  if (E.isLeft(noise)) faults.push(badInput('--perturb', '', noise.left, JSON.stringify(flags['perturb'])))
  if (faults.length > 0 || E.isLeft(noise)) return E.left(faults)
  const task = taskOf(String(flags['task']))!
  if (noise.right !== undefined && (task.head.kind === 'span-pair' || task.head.kind === 'regression'))
    return E.left([
      badInput('--perturb', `--task ${task.name}`, 'a task of classes or choices without spans', task.head.kind),
    ])
  const split = (flags['split'] ?? 'dev') as Split
  const rows = await readSplit(task, split, String(flags['data']))()
  if (E.isLeft(rows)) return E.left([rows.left])
  const { examples, file } = rows.right
  const hidden = examples.filter(({ target }) => target === undefined).length
  if (hidden > 0)
    return E.left([badInput(`--split ${split}`, file, 'rows with labels', `${hidden} of ${examples.length} without`)])
  const from = String(flags['from'])
  const own = await evaluated(flags, from, task, examples, noise.right)()
  if (E.isLeft(own)) return E.left([own.left])
  const against = flags['against']
  const other =
    typeof against === 'string' ? await evaluated(flags, against, task, examples, noise.right)() : E.right(undefined)
  if (E.isLeft(other)) return E.left([other.left])
  const written = await writeAnswers(flags['answers'], examples, own.right)()
  if (E.isLeft(written)) return E.left([written.left])
  const paired = other.right && pairedBy(task, examples, own.right, other.right)
  const found = {
    task: task.name,
    split,
    n: examples.length,
    metrics: own.right.metrics,
    ...told(own.right),
    ...(other.right === undefined
      ? {}
      : { against: { from: against, metrics: other.right.metrics, ...told(other.right) }, paired }),
  }
  if (flags['json'] === true) printJson(found)
  else show(task, found.n, split, own.right, other.right, paired)
  return E.right(0)
}

const told = ({ perturbed: noisy }: Evaluated) =>
  noisy === undefined ? {} : { perturbed: { metrics: noisy.metrics, flipRate: noisy.flipRate } }

/** What a task's faults are: `--task` names none. */
export const taskFaults = ({ task }: Flags): readonly Fault[] | Fault[] =>
  taskOf(String(task)) === undefined
    ? [badInput('--task', '', Object.keys(tasks).join(' | '), JSON.stringify(task))]
    : []

const splitFaults = ({ split = 'dev' }: Flags): readonly Fault[] =>
  splits.some((name) => name === split) ? [] : [badInput('--split', '', splits.join(' | '), JSON.stringify(split))]

export const sessionOf = (flags: Flags, from: string): TE.TaskEither<Fault, Session> =>
  openSession({
    from,
    device: (flags['device'] ?? 'auto') as DeviceName | 'auto',
    threads: Number(flags['threads'] ?? 0),
    matmul: (flags['matmul'] ?? 'auto') as MatmulChoice,
    rows: Number(flags['batch'] ?? 32),
  })

const evaluated =
  (
    flags: Flags,
    from: string,
    task: Task,
    examples: readonly Example[],
    noise: Perturbation | undefined,
  ): TE.TaskEither<Fault, Evaluated> =>
  async () => {
    const session = await sessionOf(flags, from)()
    if (E.isLeft(session)) return session
    try {
      const answers = await session.right.answer(task, examples)()
      if (E.isLeft(answers)) return answers
      const clean = { answers: answers.right, metrics: task.score(examples, answers.right) }
      if (noise === undefined) return E.right(clean)
      const noisy = await session.right.answer(
        task,
        examples.map((e, i) => perturbed(noise, e, i)),
      )()
      if (E.isLeft(noisy)) return noisy
      const flips = noisy.right.filter(({ value }, i) => value !== answers.right[i]!.value).length
      return E.right({
        ...clean,
        perturbed: {
          answers: noisy.right,
          metrics: task.score(examples, noisy.right),
          flipRate: flips / examples.length,
        },
      })
    } finally {
      await session.right.close()
    }
  }

/** The two models held against each other, on rows as they are and with noise. Of values there is no right or wrong. */
const pairedBy = (task: Task, examples: readonly Example[], own: Evaluated, other: Evaluated) => {
  if (task.head.kind === 'regression') return undefined
  const right = (answers: readonly Answer[]): readonly boolean[] =>
    examples.map(({ target, rights = [target!] }, i) => rights.includes(answers[i]!.value))
  const test = (a: readonly Answer[], b: readonly Answer[]) => mcNemar(right(a), right(b))
  return {
    ...test(own.answers, other.answers),
    ...(own.perturbed && other.perturbed ? { perturbed: test(own.perturbed.answers, other.perturbed.answers) } : {}),
  }
}

const writeAnswers =
  (file: unknown, examples: readonly Example[], { answers, perturbed: noisy }: Evaluated): TE.TaskEither<Fault, void> =>
  async () => {
    if (typeof file !== 'string') return E.right(undefined)
    const lines = examples.map(({ id, target }, i) =>
      JSON.stringify({ id, target, ...answers[i]!, ...(noisy === undefined ? {} : { perturbed: noisy.answers[i]! }) }),
    )
    try {
      await writeFile(file, `${lines.join('\n')}\n`)
      return E.right(undefined)
    } catch (error) {
      return E.left(ioError('--answers', file, 'a file that can be written', describeError(error)))
    }
  }

const show = (
  task: Task,
  n: number,
  split: Split,
  own: Evaluated,
  other: Evaluated | undefined,
  paired: ReturnType<typeof pairedBy> | undefined,
): void => {
  const line = (name: string, { metrics, perturbed: noisy }: Evaluated): void => {
    print(`${name}  ${showScores(metrics)}`)
    if (noisy !== undefined)
      print(`${''.padEnd(name.length)}  with noise: ${showScores(noisy.metrics)}, ${(100 * noisy.flipRate).toFixed(1)} % answered otherwise`) // prettier-ignore
  }
  print(`${task.title}, ${n} rows of ${split}`)
  line('model  ', own)
  if (other !== undefined) line('against', other)
  if (paired !== undefined)
    print(`right alone: ${paired.firstAlone} against ${paired.secondAlone}, p = ${paired.p.toPrecision(3)} (McNemar)`)
}
