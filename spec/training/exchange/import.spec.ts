import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as E from 'fp-ts/Either'
import * as assert from 'uvu/assert'
import { decodeSafetensors, encodeSafetensors } from '../../../training/checkpoint/safetensors'
import { openPair, trainedMain } from '../../../training/correct/open'
import { importHuggingFace } from '../../../training/exchange'
import { describe } from '../../harness'
import { temporary } from '../cli/run-cli'
import { bertTensors, wholeConfig, writeForeign, type ForeignParts } from './foreign-model'

const folder = temporary()
const D = 4
const tensors = () => bertTensors(8)
let count = 0
/** A folder with a whole model, but for what is given. */
const model = (more: ForeignParts): string => writeForeign(join(folder, `model${count++}`), more)
const refusal = async (dir: string): Promise<string> => {
  const out = join(folder, 'never')
  const result = await importHuggingFace(dir, out)()
  assert.ok(E.isLeft(result), 'it was taken')
  assert.not.ok(readdirSync(folder).includes('never'), 'something was written')
  const { what, expected, got, help = '' } = result.left
  return `${what}: expected ${expected}, got ${got}; ${help}`
}

describe('training/exchange/import', (test) => {
  test('a whole one becomes a pair, whose main model has no language model', async () => {
    const out = join(folder, 'out')
    const extra = tensors()
      .set('bert.embeddings.position_ids', { dtype: 'I64', shape: [1, 5], data: new BigInt64Array(5) })
      .set('bert.pooler.dense.bias', { dtype: 'F32', shape: [D], data: new Float32Array(D) })
    const imported = await importHuggingFace(model({ tensors: extra }), out)()
    if (E.isLeft(imported)) throw new Error(JSON.stringify(imported.left))
    assert.equal(imported.right.unused, ['pooler.dense.bias'])
    assert.ok(imported.right.drawn.every((path) => path.startsWith('head/')))
    const pair = await openPair(out)()
    if (E.isLeft(pair)) throw new Error(JSON.stringify(pair.left))
    const places = pair.right.checkpoint.arrays.get('params/main/embedding/position')!
    assert.is(places[5], 5 / 8 + 1 / 8) // column 1 of the second place, and of the first type
    const fit = trainedMain(pair.right, 'language')
    assert.ok(E.isLeft(fit) && fit.left.got === 'one of import')
  })

  test('fields that are missing, unknown or not computed here are named', async () => {
    for (const [fields, message] of [
      [{ model_type: 'gpt2' }, /config.json: model_type: expected bert \| electra \| roberta \| mpnet, got "gpt2"/],
      [{ hidden_size: undefined }, /config.json: hidden_size: expected a whole number > 0, got nothing/],
      [{ hidden_act: 'relu' }, /config.json: hidden_act: expected gelu, got "relu"/],
      [{ model_type: 'electra', embedding_size: 2 }, /embedding_size: expected hidden_size = 4, got 2/],
      [{ num_attention_heads: 3 }, /num_attention_heads: expected a divisor of hidden = 4, got 3/],
      [{ position_embedding_type: 'relative_key' }, /position_embedding_type: expected absolute, got "relative_key"/],
      [
        { model_type: 'mpnet', relative_attention_num_buckets: 16 },
        /relative_attention_num_buckets: expected 32, got 16/,
      ],
      [{ vocab_size: 6 }, /tokenizer: expected ids below vocab_size = 6, got 7 of them/],
    ] as const)
      assert.match(await refusal(model({ config: fields })), message)
  })

  test('tensors that are missing or of another shape are named', async () => {
    const name = 'bert.encoder.layer.0.intermediate.dense.weight'
    const without = tensors()
    without.delete(name)
    assert.match(
      await refusal(model({ tensors: without })),
      /tensor encoder.layer.0.intermediate.dense.weight: expected F32, F16 or BF16 \[6, 4\], got none/,
    )
    const turned = tensors().set(name, { dtype: 'F32', shape: [4, 6], data: new Float32Array(24) })
    assert.match(await refusal(model({ tensors: turned })), /dense.weight: expected .* \[6, 4\], got F32 \[4, 6\]/)
  })

  test('files that are missing, a pickle, a vocabulary without [MASK]', async () => {
    assert.match(await refusal(join(folder, 'nowhere')), /import: expected a readable file, got ENOENT/)
    const pickled = join(folder, 'pickled')
    mkdirSync(pickled)
    writeFileSync(join(pickled, 'config.json'), wholeConfig)
    assert.match(await refusal(pickled), /tokenizer: expected one of tokenizer.json/)
    writeFileSync(join(pickled, 'vocab.txt'), '[CLS]\n[PAD]\n[SEP]\n[UNK]\n[MASK]\n')
    assert.match(await refusal(pickled), /model.safetensors or model.safetensors.index.json, got neither/)
    writeFileSync(join(pickled, 'pytorch_model.bin'), '')
    assert.match(await refusal(pickled), /got pytorch_model.bin; .*safe_serialization=True/)
    assert.match(await refusal(model({ words: ['[CLS]', '[PAD]', '[SEP]', '[UNK]'] })), /got no \[MASK\]/)
  })

  test('shards are read together; one that lacks what the index says is named', async () => {
    const all = [...tensors()]
    const dir = model({ tensors: new Map() })
    const write = (name: string, part: typeof all) =>
      writeFileSync(join(dir, name), Buffer.concat(encodeSafetensors({ tensors: new Map(part), metadata: {} })))
    rmSync(join(dir, 'model.safetensors'))
    const index = Object.fromEntries(all.map(([name], i) => [name, i < 5 ? 'one.safetensors' : 'two.safetensors']))
    writeFileSync(join(dir, 'model.safetensors.index.json'), JSON.stringify({ weight_map: index }))
    write('one.safetensors', all.slice(0, 5))
    write('two.safetensors', all.slice(6))
    assert.match(await refusal(dir), new RegExp(`tensor ${all[5]![0]}: expected a tensor, as the index says, got none`))
    write('two.safetensors', all.slice(5))
    assert.ok(E.isRight(await importHuggingFace(dir, join(folder, 'sharded'))()))
  })

  test('halves are read exactly: zeros, subnormals, the largest, infinities and NaN', () => {
    const file = (dtype: string, bits: readonly number[]): Buffer => {
      const header = Buffer.from(
        JSON.stringify({ x: { dtype, shape: [bits.length], data_offsets: [0, 2 * bits.length] } }),
      )
      const length = Buffer.alloc(8)
      length.writeBigUInt64LE(BigInt(header.length))
      return Buffer.concat([length, header, Buffer.from(Uint16Array.from(bits).buffer)])
    }
    const read = (dtype: string, ...bits: readonly number[]): readonly number[] => {
      const decoded = decodeSafetensors(file(dtype, bits), 'memory')
      if (E.isLeft(decoded)) throw new Error(JSON.stringify(decoded.left))
      return [...(decoded.right.tensors.get('x')!.data as Float32Array)]
    }
    const f16 = read('F16', 0, 0x8000, 1, 0x3c00, 0xc000, 0x7bff, 0x3555, 0xfc00, 0x7e00)
    assert.equal(f16, [0, -0, 2 ** -24, 1, -2, 65504, 1365 / 4096, -Infinity, NaN])
    assert.ok(Object.is(f16[1], -0))
    assert.equal(read('BF16', 0x3f80, 0xc040, 0x7f80, 0x0001), [1, -3, Infinity, 2 ** -133])
  })
})
