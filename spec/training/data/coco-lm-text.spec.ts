import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { cocoLmText } from '../../../training/data/coco-lm-text'
import { describe } from '../../harness'
import { text } from './tokenizer/texts'

/** What COCO-LM's own `SentencepiecePreTokenizer` answers. */
const answers = [
  ["He said, ``Don't go''—and she’d gone.", 'He said , " Don\'t go"-and she\'d gone .'],
  ["“It's (really) 5 o'clock,” I'LL say.", "\" It's ( really ) 5 o'clock ,\" I'LL say ."],
  ["the dogs' s bone, we 've 'RE ...", "the dogs 's bone , we 've 'RE ..."],
  ['...', '...'],
  ['a.b.c. U.S.A.', 'a.b.c . U.S.A .'],
  ["' sx 's ' t", "' sx 's 't"],
  ['\t  ', ''],
  [" (a) -x- 'tis", "( a ) - x - ' tis"],
  ["we ' ll ' LL", "we 'll 'LL"],
  ['¿qué? «oui»', '¿ qué ? « oui »'],
] as const

describe('training/data/coco-lm-text', (test) => {
  test('answers as the original', () => {
    for (const [given, wanted] of answers) assert.is(cocoLmText(given), wanted)
  })

  test('line by line; words keep their order; no space is left that is not one between words', () =>
    fc.assert(
      fc.property(text, (s) => {
        const out = cocoLmText(s)
        assert.is(out.split('\n').length, s.split('\n').length)
        const letters = (x: string) => x.replace(/[^\p{L}\p{N}]/gu, '')
        assert.is(letters(out), letters(s))
        return !/ {2}|^ | $/m.test(out)
      }),
    ))
})
