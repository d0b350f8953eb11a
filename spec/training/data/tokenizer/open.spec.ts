import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as E from 'fp-ts/Either'
import * as assert from 'uvu/assert'
import { showDataFault } from '../../../../training/data/fault'
import { openTokenizer } from '../../../../training/data/tokenizer/file/open'
import { describe } from '../../../harness'
import { temporary } from '../../cli/run-cli'
import { fitted } from '../../fitted'
import { huggingFace } from './hugging-face'
import { pipelines } from './pipelines'

const folder = temporary()
const put = (name: string, contents: string | Uint8Array): string => {
  const path = join(folder, name)
  writeFileSync(path, contents)
  return path
}
const refused = async (path: string): Promise<string> => {
  const outcome = await openTokenizer(path)()
  if (E.isRight(outcome)) throw new Error(`${path} was read`)
  return showDataFault(outcome.left)
}
const wordPieces = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'un', '##aff', '##able', 'é', 'e', 'E', ',', '!']

describe('training/data/tokenizer: opening files', (test) => {
  test('a vocab.txt of BERT: uncased, or cased if that is said; as Hugging Face reads it', async () => {
    const path = put('vocab.txt', `${wordPieces.join('\n')}\n`)
    const uncased = fitted(await openTokenizer(path)())
    assert.equal([...uncased.encode('UNaffable, É!')], [5, 6, 7, 11, 9, 12])
    assert.equal(
      [...fitted(await openTokenizer(path, { cased: true })()).encode('unaffable É E é')],
      [5, 6, 7, 1, 10, 8],
    )
    assert.equal(uncased.specials, { pad: 0, unk: 1, cls: 2, sep: 3, mask: 4 })
    assert.is(uncased.decode(uncased.encode('unaffable!')), 'unaffable!')
    const oracle = (await huggingFace())?.(uncased.toJson())
    if (oracle !== undefined) assert.equal(await oracle.ids('UNaffable, É!'), [5, 6, 7, 11, 9, 12])
  })

  test('a folder: the file in it that tells most', async () => {
    const model = join(folder, 'model')
    mkdirSync(model)
    assert.match(await refused(model), /expected one of tokenizer\.json, sp\.model, .* in the folder, got none/)
    writeFileSync(join(model, 'vocab.txt'), wordPieces.join('\n'))
    assert.is(fitted(await openTokenizer(model)()).spec.model.type, 'WordPiece')
    writeFileSync(join(model, 'tokenizer.json'), JSON.stringify(pipelines['byte-level BPE of ours']))
    assert.is(fitted(await openTokenizer(model)()).spec.model.type, 'BPE')
  })

  test('what is no tokenizer: what, where, expected, got', async () => {
    assert.match(await refused(join(folder, 'nowhere.json')), /expected a readable file, got no such file\n {2}at .*nowhere\.json\n {2}help: a tokenizer\.json of Hugging Face, /) // prettier-ignore
    assert.match(await refused(put('half.json', '{"model": ')), /expected JSON, got .*\n {2}at .*half\.json/)
    assert.match(await refused(put('binary.json', Uint8Array.of(0xff, 0xfe))), /expected text, got bytes that are not UTF-8/) // prettier-ignore
    assert.match(await refused(put('list.json', '[]')), /expected .*, got \[\]/)
    assert.match(await refused(put('prose.txt', 'this is\nprose')), /one token of a BERT vocabulary, got "this is"\n {2}at .*prose\.txt:1/) // prettier-ignore
    assert.match(
      await refused(put('words.txt', 'this\nis\n')),
      /a BERT vocabulary with \[UNK\], got 2 lines without it/,
    )
    assert.match(await refused(put('x.model', 'no')), /expected a SentencePiece model, got/)
  })

  test('parts and settings that are not known are refused by name, wherever they stand', async () => {
    const known = pipelines['BERT, uncased']!
    const changed = (changes: object) => refused(put('changed.json', JSON.stringify({ ...known, ...changes })))
    assert.match(await changed({ normalizer: { type: 'Sequence', normalizers: [{ type: 'NFD' }, { type: 'Nmt' }] } }), /got "Nmt"\n {2}at .*changed\.json normalizer\/normalizers\/1\/type/) // prettier-ignore
    assert.match(await changed({ pre_tokenizer: { type: 'FixedLength', length: 5 } }), /got "FixedLength"\n {2}at .* pre_tokenizer\/type/) // prettier-ignore
    assert.match(await changed({ decoder: { type: 'CTC' } }), /got "CTC"\n {2}at .* decoder\/type/)
    assert.match(await changed({ post_processor: { type: 'Other' } }), /got "Other"\n {2}at .* post_processor\/type/)
    assert.match(await changed({ pre_tokenizer: { type: 'BertPreTokenizer', mode: 1 } }), /got unknown key "mode"/)
    assert.match(await changed({ extra: 1 }), /known keys: added_tokens, .*, got unknown key "extra"/)
    assert.match(await changed({ truncation: { max_length: 512 } }), /expected null, got .*512.*truncation\n {2}help: set it to null/s) // prettier-ignore
    const regex = (Regex: string) =>
      changed({ pre_tokenizer: { type: 'Split', pattern: { Regex }, behavior: 'Isolated', invert: false } })
    for (const [pattern, construct] of [
      ['\\bword', 'the construct \\b'],
      ['a++', 'the construct ++'],
      ['(?>a|b)', 'the construct (?>'],
      ['[a&&b]', 'the construct [a&&b]'],
      ['(a', 'Unterminated group'],
    ] as const)
      assert.ok((await regex(pattern)).includes(construct), `${pattern}: ${await regex(pattern)}`)
  })
})
