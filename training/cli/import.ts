import type { Command } from 'commander'
import * as E from 'fp-ts/Either'
import { importHuggingFace } from '../exchange'
import type { Flags } from './options'
import { print, printJson, type Outcome } from './outcome'

export const importCommand = (program: Command, run: (outcome: Promise<Outcome>) => void): void => {
  program
    .command('import')
    .description(
      "an encoder of Hugging Face's transformers (BERT, ELECTRA, RoBERTa, MPNet) as a checkpoint, to be tuned",
    )
    .argument('<dir>', 'folder with config.json, model.safetensors or its shards, and a tokenizer')
    .requiredOption('--out <dir>', 'folder to write: a checkpoint and its tokenizer')
    .option('--json', 'one JSON object')
    .action((dir: string, flags: Flags) => run(runImport(dir, flags)))
}

const runImport = async (dir: string, { out, json }: Flags): Promise<Outcome> => {
  const imported = await importHuggingFace(dir, String(out))()
  if (E.isLeft(imported)) return E.left([imported.left])
  const { modelType, model, hasLanguage, drawn, unused, checkpoint } = imported.right
  if (json === true) {
    printJson({ checkpoint, architecture: modelType, languageHead: hasLanguage, drawn, unused, model })
    return E.right(0)
  }
  print(`${modelType}, ${model.mainLayers} layers of ${model.hidden}, ${model.vocab} tokens: ${checkpoint}`)
  print(hasLanguage ? '  with its language head: emend cloze' : '  without a language head: emend cloze has no answer')
  print(`  drawn at random or constant, as the file has none: ${drawn.join(', ')}`)
  if (unused.length > 0) print(`  left out: ${unused.join(', ')}`)
  return E.right(0)
}
