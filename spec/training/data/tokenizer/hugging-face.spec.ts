import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { fromJson } from '../../../../training/data/tokenizer/file/from-json'
import { describe } from '../../../harness'
import { fitted } from '../../fitted'
import { huggingFace } from './hugging-face'
import { pipelines, speeches } from './pipelines'
import { text } from './texts'

describe('training/data/tokenizer: files of every kind, as Hugging Face reads them', (test) => {
  for (const [name, file] of Object.entries(pipelines)) {
    test(`${name}: equal ids and equal text back`, async () => {
      const open = await huggingFace()
      if (open === undefined) return
      const [tokenizer, oracle] = [fitted(fromJson(file)), open(file)]
      const agrees = async (s: string): Promise<void> => {
        const ids = [...tokenizer.encode(s, { specials: 'parse' })]
        assert.equal(ids, await oracle.ids(s))
        assert.is(tokenizer.decode(ids), await oracle.decode(ids))
      }
      for (const speech of speeches.slice(30, 32)) await agrees(speech)
      await fc.assert(fc.asyncProperty(text, agrees), { numRuns: 300, examples: [[''], ['\ufeffbom'], ['[MASK]']] })
    })

    test(`${name}: written and read again it is the same`, () => {
      const tokenizer = fitted(fromJson(file))
      const back = fitted(fromJson(JSON.parse(JSON.stringify(tokenizer.toJson()))))
      assert.is(back.fingerprint(), tokenizer.fingerprint())
      assert.equal(back.encode(speeches[33]!), tokenizer.encode(speeches[33]!))
    })
  }
})
