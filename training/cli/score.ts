import type { Command } from 'commander'
import * as E from 'fp-ts/Either'
import { showScores } from '../finetune'
import { askedTask, tasks, toldOf } from '../tasks'
import type { Flags } from './options'
import { note, print, printJson, type Outcome } from './outcome'

export const scoreCommand = (program: Command, run: (outcome: Promise<Outcome>) => void): void => {
  program
    .command('score')
    .description('figures of a file of predictions on the labelled rows of a task')
    .argument('<predictions>', 'a file in the form of the leaderboard, as predict writes it')
    .argument('<gold>', 'a file of the task with labels, in any of its forms')
    .requiredOption('--task <t>', `one of ${Object.keys(tasks).join(' ')}, or FILE.json of one's own`)
    .option('--json', 'one JSON object; a figure that is not defined is null')
    .action((predictions: string, gold: string, flags: Flags) => run(runScore(predictions, gold, flags)))
}

const runScore = async (predictions: string, gold: string, flags: Flags): Promise<Outcome> => {
  const asked = await askedTask(String(flags['task']))()
  if (E.isLeft(asked)) return E.left([asked.left])
  const { task } = asked.right
  const rows = await task.read(gold, 'dev')()
  if (E.isLeft(rows)) return E.left([rows.left])
  toldOf(rows.right).forEach(note)
  const { examples } = rows.right
  const answers = await task.submission.read(predictions, examples)()
  if (E.isLeft(answers)) return E.left([answers.left])
  const metrics = task.score(examples, answers.right)
  if (flags['json'] === true) printJson({ task: task.name, n: examples.length, metrics })
  else print(`${task.title}, ${examples.length} rows: ${showScores(metrics)}`)
  return E.right(0)
}
