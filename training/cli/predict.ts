import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Command } from 'commander'
import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import { atomicWrite, describeError } from '../checkpoint/atomic-write'
import { badInput, ioError, type Fault } from '../fault'
import type { Session } from '../finetune'
import { readSplit, sessionTask } from '../finetune/session'
import { splits, toldOf, type Answer, type Example, type Split, type Task } from '../tasks'
import { sessionOf, splitFaults } from './evaluate'
import { names } from './finetune'
import { deviceFaults, wholeFaults } from './load-pair'
import { deviceOption, numeric, type Flags } from './options'
import { note, print, printJson, type Outcome } from './outcome'
import { textFaults, textsOf } from './texts'

export const predictCommand = (program: Command, run: (outcome: Promise<Outcome>) => void): void => {
  deviceOption(program.command('predict'))
    .description('answers of a tuned model: to the rows of tasks, as files that the leaderboards take, or to a text')
    .argument(
      '[text]',
      'a text, or two with a tab between them; without it and without --data, a line each of --file or standard input',
    )
    .requiredOption('--from <dir>', 'a tuned run')
    .option('--task <t,...>', "one or more (default: the model's first)", names)
    .option('--data <dir>', 'folder of the tasks')
    .option('--split <name>', `${splits.join(' | ')} (default test)`)
    .option('--submission <dir>', 'folder for the files')
    .option('--file <f>', 'texts, one a line')
    .option('--batch <b>', 'rows that are computed at once (default 32)', numeric)
    .option('--json', 'one JSON line a text, or a task')
    .action((text: string | undefined, flags: Flags) => run(runPredict(text, flags)))
}

const runPredict = async (text: string | undefined, flags: Flags): Promise<Outcome> => {
  const { task: wanted, split = 'test' } = flags
  const [data, submission] = [flags['data'], flags['submission']] as readonly (string | undefined)[]
  const asked = wanted as readonly string[] | undefined
  const faults: Fault[] = [
    ...textFaults('predict', text, flags),
    ...deviceFaults(flags),
    ...wholeFaults('--batch', flags['batch'], 1),
    ...splitFaults(flags, 'test'),
  ]
  if ((data === undefined) !== (submission === undefined))
    faults.push(badInput('predict', '', '--data and --submission together', data === undefined ? '--submission alone' : '--data alone')) // prettier-ignore
  if (data !== undefined && (text !== undefined || flags['file'] !== undefined))
    faults.push(badInput('predict', '', 'a text, or --data', 'both'))
  if (data === undefined && (asked?.length ?? 0) > 1)
    faults.push(badInput('--task', '', 'one task for texts', asked!.join(',')))
  if (faults.length > 0) return E.left(faults)
  const texts = data === undefined ? await textsOf('predict', text, flags['file'])() : E.right([])
  if (E.isLeft(texts)) return E.left([texts.left])
  const session = await sessionOf(flags, String(flags['from']))()
  if (E.isLeft(session)) return E.left([session.left])
  try {
    const tasks: Task[] = asked === undefined ? [session.right.saved.model.tasks[0]!.task] : []
    for (const name of asked ?? []) {
      const task = await sessionTask(session.right, name)()
      if (E.isLeft(task)) return E.left([task.left])
      tasks.push(task.right)
    }
    const isJson = flags['json'] === true
    return data === undefined
      ? await answerTexts(session.right, tasks[0]!, texts.right, isJson)
      : await writeSubmissions(session.right, tasks, data, split as Split, submission!, isJson)
  } finally {
    await session.right.close()
  }
}

const answerTexts = async (
  session: Session,
  task: Task,
  lines: readonly string[],
  isJson: boolean,
): Promise<Outcome> => {
  const examples: Example[] = []
  if (task.head.kind !== 'classification' && task.head.kind !== 'regression')
    return E.left([badInput('predict', `--task ${task.name}`, 'a task of a text or a pair of texts', task.head.kind)])
  for (const line of lines) {
    const [first = '', second, ...more] = line.split('\t')
    if (more.length > 0) return E.left([badInput('predict', JSON.stringify(line.slice(0, 60)), 'one text, or two with a tab between them', `${more.length + 2}`)]) // prettier-ignore
    examples.push({
      id: String(examples.length),
      readings: [{ first, ...(second === undefined ? {} : { second }) }],
      target: undefined,
    })
  }
  const answers = await session.answer(task, examples)()
  if (E.isLeft(answers)) return E.left([answers.left])
  answers.right.forEach((answer, i) => {
    const text = lines[i]!
    const labels = 'labels' in task.head ? task.head.labels : undefined
    if (labels === undefined)
      return isJson
        ? printJson({ text, task: task.name, value: answer.value })
        : print(`${answer.value.toFixed(3)}  ${text}`)
    const shares = softmax(answer.scores)
    const label = labels[answer.value]!
    if (isJson)
      printJson({
        text,
        task: task.name,
        label,
        probabilities: Object.fromEntries(labels.map((l, k) => [l, shares[k]!])),
      })
    else print(`${label} ${shares[answer.value]!.toFixed(3)}  ${text}`)
  })
  return E.right(0)
}

const softmax = (scores: readonly number[]): readonly number[] => {
  const most = Math.max(...scores)
  const e = scores.map((s) => Math.exp(s - most))
  const total = e.reduce((a, b) => a + b, 0)
  return e.map((x) => x / total)
}

const writeSubmissions = async (
  session: Session,
  tasks: readonly Task[],
  data: string,
  split: Split,
  folder: string,
  isJson: boolean,
): Promise<Outcome> => {
  for (const task of tasks) {
    const rows = await readSplit(task, split, data)()
    if (E.isLeft(rows)) return E.left([rows.left])
    const { examples } = rows.right
    toldOf(rows.right).forEach(note)
    const began = performance.now()
    const answers = await session.answer(task, examples)()
    if (E.isLeft(answers)) return E.left([answers.left])
    const seconds = (performance.now() - began) / 1000
    const written = await writeFileOf(task, folder, examples, answers.right)()
    if (E.isLeft(written)) return E.left([written.left])
    const rowsPerSecond = Math.round((10 * examples.length) / seconds) / 10
    if (isJson) printJson({ task: task.name, split, n: examples.length, file: written.right, rowsPerSecond })
    else print(`${written.right}  ${examples.length} rows, ${rowsPerSecond} a second`)
  }
  return E.right(0)
}

const writeFileOf =
  (
    task: Task,
    folder: string,
    examples: readonly Example[],
    answers: readonly Answer[],
  ): TE.TaskEither<Fault, string> =>
  async () => {
    const path = join(folder, task.submission.file)
    try {
      await mkdir(folder, { recursive: true })
    } catch (error) {
      return E.left(ioError('--submission', folder, 'a folder that can be written', describeError(error)))
    }
    const written = await atomicWrite(path, [Buffer.from(task.submission.write(examples, answers))])()
    return E.isLeft(written) ? written : E.right(path)
  }
