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
import { readSplit, sessionTask } from '../finetune/session'
import { splits, toldOf, type Answer, type Example, type Scores, type Split, type Task } from '../tasks'
import { taskHelp } from './finetune'
import { deviceFaults, wholeFaults } from './load-pair'
import { deviceOption, numeric, type Flags } from './options'
import { note, print, printJson, type Outcome } from './outcome'

export const evaluateCommand = (program: Command, run: (outcome: Promise<Outcome>) => void): void => {
  deviceOption(program.command('evaluate'))
    .description('figures of a tuned model on the labelled rows of a task')
    .requiredOption('--task <t>', taskHelp)
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

/** What is asked of each model. */
interface Asked {
  readonly task: Task
  readonly split: Split
  readonly examples: readonly Example[]
  readonly noise: Perturbation | undefined
}

const runEvaluate = async (flags: Flags): Promise<Outcome> => {
  const faults = [...splitFaults(flags, 'dev'), ...deviceFaults(flags), ...wholeFaults('--batch', flags['batch'], 1)]
  const noise = typeof flags['perturb'] === 'string' ? parsePerturbation(flags['perturb']) : E.right(undefined)
  if (E.isLeft(noise))
    return E.left([...faults, badInput('--perturb', '', noise.left, JSON.stringify(flags['perturb']))])
  if (faults.length > 0) return E.left(faults)
  let asked: Asked | undefined
  const own = await withSession(flags, String(flags['from']), async (session) => {
    const found = await askedOf(flags, session, noise.right)()
    if (E.isLeft(found)) return found
    asked = found.right
    return evaluated(session, found.right)()
  })
  if (E.isLeft(own)) return E.left([own.left])
  const { task, split, examples } = asked!
  const against = flags['against']
  const other =
    typeof against === 'string'
      ? await withSession(flags, against, (session) => evaluated(session, asked!)())
      : E.right(undefined)
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

/** left  a task that cannot be perturbed, rows that are not there or have no labels */
const askedOf =
  (flags: Flags, session: Session, noise: Perturbation | undefined): TE.TaskEither<Fault, Asked> =>
  async () => {
    const task = await sessionTask(session, String(flags['task']))()
    if (E.isLeft(task)) return task
    const { name, head } = task.right
    if (noise !== undefined && (head.kind === 'span-pair' || head.kind === 'regression'))
      return E.left(badInput('--perturb', `--task ${name}`, 'a task of classes or choices without spans', head.kind))
    const split = (flags['split'] ?? 'dev') as Split
    const rows = await readSplit(task.right, split, String(flags['data']))()
    if (E.isLeft(rows)) return rows
    const { examples, file } = rows.right
    toldOf(rows.right).forEach(note)
    const hidden = examples.filter(({ target }) => target === undefined).length
    if (hidden > 0)
      return E.left(badInput(`--split ${split}`, file, 'rows with labels', `${hidden} of ${examples.length} without`))
    return E.right({ task: task.right, split, examples, noise })
  }

const told = ({ perturbed: noisy }: Evaluated) =>
  noisy === undefined ? {} : { perturbed: { metrics: noisy.metrics, flipRate: noisy.flipRate } }

export const splitFaults = ({ split }: Flags, usual: Split): readonly Fault[] =>
  splits.some((name) => name === (split ?? usual))
    ? []
    : [badInput('--split', '', splits.join(' | '), JSON.stringify(split))]

export const sessionOf = (flags: Flags, from: string): TE.TaskEither<Fault, Session> =>
  openSession({
    from,
    device: (flags['device'] ?? 'auto') as DeviceName | 'auto',
    threads: Number(flags['threads'] ?? 0),
    matmul: (flags['matmul'] ?? 'auto') as MatmulChoice,
    rows: Number(flags['batch'] ?? 32),
  })

const withSession = async <A>(
  flags: Flags,
  from: string,
  body: (session: Session) => Promise<E.Either<Fault, A>>,
): Promise<E.Either<Fault, A>> => {
  const session = await sessionOf(flags, from)()
  if (E.isLeft(session)) return session
  try {
    return await body(session.right)
  } finally {
    await session.right.close()
  }
}

const evaluated =
  ({ answer }: Session, { task, examples, noise }: Asked): TE.TaskEither<Fault, Evaluated> =>
  async () => {
    const answers = await answer(task, examples)()
    if (E.isLeft(answers)) return answers
    const clean = { answers: answers.right, metrics: task.score(examples, answers.right) }
    if (noise === undefined) return E.right(clean)
    const noisy = examples.map((e, i) => perturbed(noise, e, i))
    const other = await answer(task, noisy)()
    if (E.isLeft(other)) return other
    const flips = other.right.filter(({ value }, i) => value !== answers.right[i]!.value).length
    const metrics = task.score(examples, other.right)
    return E.right({ ...clean, perturbed: { answers: other.right, metrics, flipRate: flips / examples.length } })
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
