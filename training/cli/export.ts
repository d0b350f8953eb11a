import type { Command } from 'commander'
import * as E from 'fp-ts/Either'
import { importedObjective, trainedMain } from '../correct/open'
import { exportHuggingFace } from '../exchange'
import { openNamedPair, readByHelp } from './load-pair'
import type { Flags } from './options'
import { print, printJson, type Outcome } from './outcome'

export const exportCommand = (program: Command, run: (outcome: Promise<Outcome>) => void): void => {
  program
    .command('export')
    .description("the main model's encoder as Hugging Face's transformers load it, with its tokenizer")
    .requiredOption('--from <dir>', 'folder of a pretraining run, or a checkpoint in it')
    .requiredOption('--out <dir>', 'folder to write: model.safetensors, config.json, tokenizer.json')
    .option('--objective <FILE.mjs#NAME>', readByHelp)
    .option('--json', 'one JSON object')
    .action((flags: Flags) => run(runExport(flags)))
}

const runExport = async (flags: Flags): Promise<Outcome> => {
  const { from, out, json } = flags
  const pair = await openNamedPair(flags)()
  if (E.isLeft(pair)) return E.left([pair.left])
  const isImported = pair.right.checkpoint.header.config['objective'] === importedObjective
  const isTrained = isImported ? E.right(undefined) : trainedMain(pair.right)
  if (E.isLeft(isTrained)) return E.left([isTrained.left])
  const files = await exportHuggingFace(pair.right, String(out))()
  if (E.isLeft(files)) return E.left([files.left])
  if (json === true) printJson({ step: pair.right.checkpoint.header.step, files: files.right })
  else {
    print(`step ${pair.right.checkpoint.header.step} of ${String(from)}:`)
    for (const file of files.right) print(`  ${file}`)
  }
  return E.right(0)
}
