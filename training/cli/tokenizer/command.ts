import type { Command } from 'commander'
import type { Outcome } from '../outcome'
import { encodeCommand } from './encode'
import { trainCommand } from './train'

export const tokenizerCommand = (program: Command, run: (outcome: Promise<Outcome>) => void): void => {
  const tokenizer = program.command('tokenizer').description('train a vocabulary, encode text with it or with another')
  trainCommand(tokenizer, run)
  encodeCommand(tokenizer, run)
}
