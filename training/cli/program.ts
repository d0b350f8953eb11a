import { Command, CommanderError } from 'commander'
import * as E from 'fp-ts/Either'
import { version } from '../../package.json'
import { ObjectiveFault } from '../pretrain/checked-objective'
import { ablateCommand } from './ablate'
import { clozeCommand } from './cloze'
import { correctCommand } from './correct'
import { corpusCommand } from './corpus/command'
import { demoCommand } from './demo'
import { doctorCommand } from './doctor'
import { evaluateCommand } from './evaluate'
import { exportCommand } from './export'
import { finetuneCommand } from './finetune'
import { finish, type Outcome } from './outcome'
import { importCommand } from './import'
import { planCommand } from './plan'
import { predictCommand } from './predict'
import { pretrainCommand } from './pretrain'
import { scoreCommand } from './score'
import { tokenizerCommand } from './tokenizer/command'

/** The command line: `emend COMMAND ...`. Sets the exit code (design.md section 7); never throws for what a user got wrong. */
export const main = async (argv: readonly string[]): Promise<void> => {
  // A reader that has seen enough (`| head`) ends the command; what it had saved stays.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    process.exit(0)
  })
  let outcome: Promise<Outcome> | undefined
  const run = (started: Promise<Outcome>): void => {
    outcome = started
  }
  const program = new Command('emend')
    .description(
      'Pretrain an auxiliary + main pair by corrective language modelling, correct text with it, and tune it to tasks.',
    )
    .version(version)
    .exitOverride()
  for (const add of [
    pretrainCommand,
    finetuneCommand,
    evaluateCommand,
    predictCommand,
    scoreCommand,
    correctCommand,
    clozeCommand,
    exportCommand,
    importCommand,
    planCommand,
    ablateCommand,
    tokenizerCommand,
    corpusCommand,
    doctorCommand,
    demoCommand,
  ])
    add(program, run)
  for (const command of program.commands) for (const each of [command, ...command.commands]) each.exitOverride()
  try {
    await program.parseAsync(argv)
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    // 0: help or the version was asked for; commander has printed what is wrong otherwise.
    process.exitCode = error.exitCode === 0 ? 0 : 2
    return
  }
  if (outcome !== undefined) process.exitCode = finish(await outcome.catch(ofObjective))
}

/** What a user's objective got wrong while a program was built. */
const ofObjective = (error: unknown): Outcome => {
  if (error instanceof ObjectiveFault) return E.left([error.fault])
  throw error
}
