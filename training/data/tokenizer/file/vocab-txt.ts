import * as E from 'fp-ts/Either'
import { dataFault, type DataFault } from '../../fault'
import type { AddedToken } from '../added-tokens'
import { tokenizer, type Tokenizer } from '../tokenizer'

/** BERT's markup, as far as a vocabulary has it. */
const markup = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]']

/**
 * Reads a vocab.txt of BERT: a WordPiece a line, its id the number of the line. The file does not say whether text is lower-cased
 * (and stripped of accents): `cased` does.
 * source  BERT (Devlin et al. 2019), `tokenization.py`; as Hugging Face's `BertWordPieceTokenizer` sets it up
 * left    no [UNK] in it, or a line that no vocabulary has
 */
export const fromVocabTxt = (
  text: string,
  { cased = false }: { readonly cased?: boolean } = {},
  where = 'vocab.txt',
): E.Either<DataFault, Tokenizer> => {
  const lines = text.split(/\r?\n/u)
  if (lines.at(-1) === '') lines.pop()
  const odd = lines.findIndex((line) => line === '' || /\s.*\S|\0/u.test(line))
  if (odd >= 0)
    return E.left(dataFault('tokenizer', `${where}:${odd + 1}`, 'one token of a BERT vocabulary', JSON.stringify(lines[odd]!.slice(0, 60)))) // prettier-ignore
  const tokens = lines.map((line) => line.trimEnd())
  if (!tokens.includes('[UNK]'))
    return E.left(dataFault('tokenizer', where, 'a BERT vocabulary with [UNK]', `${tokens.length} lines without it`))
  const added: readonly AddedToken[] = markup.flatMap((content) => {
    const id = tokens.lastIndexOf(content)
    return id < 0 ? [] : [{ id, content, special: true, lstrip: false, rstrip: false }]
  })
  const [cls, sep] = [tokens.lastIndexOf('[CLS]'), tokens.lastIndexOf('[SEP]')]
  return E.right(
    tokenizer({
      added,
      normalizer: { type: 'BertNormalizer', clean_text: true, handle_chinese_chars: true, strip_accents: null, lowercase: !cased }, // prettier-ignore
      preTokenizer: { type: 'BertPreTokenizer' },
      model: { type: 'WordPiece', tokens, unk: '[UNK]', prefix: '##', maxChars: 100 },
      postProcessor: cls < 0 || sep < 0 ? null : { type: 'BertProcessing', sep: ['[SEP]', sep], cls: ['[CLS]', cls] },
      decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    }),
  )
}
