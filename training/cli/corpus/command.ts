import type { Command } from 'commander'
import type { Outcome } from '../outcome'
import { buildCommand } from './build'
import { inspectCommand } from './inspect'

export const corpusCommand = (program: Command, run: (outcome: Promise<Outcome>) => void): void => {
  const corpus = program.command('corpus').description('encode text once into shards of token ids, and look at them')
  buildCommand(corpus, run)
  inspectCommand(corpus, run)
}
