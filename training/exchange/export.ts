import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import { atomicWrite, describeError } from '../checkpoint/atomic-write'
import { encodeSafetensors } from '../checkpoint/safetensors'
import type { SavedPair } from '../correct/open'
import type { SpecialIds } from '../data/tokenizer/spec'
import { ioError, type Fault } from '../fault'
import { checkKind } from '../pretrain/folder'
import { toHuggingFace } from './to-hugging-face'

/** What an export writes. */
export const exportFiles = ['model.safetensors', 'config.json', 'tokenizer.json', 'tokenizer_config.json'] as const

/**
 * The main model's encoder in a folder that `AutoModel.from_pretrained` of `transformers` loads, with its tokenizer. config.json is the last
 * to be written: a folder with one is whole.
 * left  what no architecture computes, a folder that cannot be written.
 */
export const exportHuggingFace =
  ({ config, tokenizer, checkpoint }: SavedPair, out: string): TE.TaskEither<Fault, readonly string[]> =>
  async () => {
    const model = toHuggingFace(config, (path) => Float32Array.from(checkpoint.arrays.get(`params/${path}`)!))
    if (E.isLeft(model)) return model
    const kind = await checkKind(out, 'none')()
    if (E.isLeft(kind)) return kind
    try {
      await mkdir(out, { recursive: true })
    } catch (error) {
      return E.left(ioError('--out', out, 'a folder that can be written', describeError(error)))
    }
    const named = (role: keyof SpecialIds): string | undefined => tokenizer.tokenOf(tokenizer.specials[role] ?? -1)
    // The others take their first position from the padding's id, which is that of our own vocabularies.
    const { cls, pad, sep } = tokenizer.specials
    const ids =
      model.right.config['model_type'] === 'bert' ? { bos_token_id: cls, pad_token_id: pad, eos_token_id: sep } : {}
    const json = (value: unknown): readonly Uint8Array[] => [Buffer.from(`${JSON.stringify(value, null, 2)}\n`)]
    const files: Readonly<Record<(typeof exportFiles)[number], readonly Uint8Array[]>> = {
      'model.safetensors': encodeSafetensors({ tensors: model.right.tensors, metadata: { format: 'pt' } }),
      'tokenizer.json': [Buffer.from(JSON.stringify(tokenizer.toJson()))],
      'tokenizer_config.json': json({
        tokenizer_class: 'PreTrainedTokenizerFast',
        model_max_length: config.maxLength,
        cls_token: named('cls'),
        bos_token: named('cls'),
        pad_token: named('pad'),
        sep_token: named('sep'),
        eos_token: named('sep'),
        unk_token: named('unk'),
        mask_token: named('mask'),
      }),
      'config.json': json({ ...model.right.config, ...ids }),
    }
    for (const [name, parts] of Object.entries(files)) {
      const written = await atomicWrite(join(out, name), parts)()
      if (E.isLeft(written)) return written
    }
    return E.right(Object.keys(files).map((name) => join(out, name)))
  }
