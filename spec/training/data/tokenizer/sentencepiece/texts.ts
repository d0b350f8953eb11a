import fc from 'fast-check'
import { speeches } from '../pipelines'
import { text } from '../texts'

// What make.py trains on and encodes, as JSON.
const marks = [
  '<sep>',
  'the end',
  ' the end ',
  'the  end',
  '<sep><sep>',
  'aaaaaaa',
  '\u3000',
  ' ',
  '  ',
  '[MASK]',
  '<unk>',
  '▁',
]
const marked = fc
  .array(fc.oneof(text, fc.constantFrom(...marks)), { maxLength: 4 })
  .map((parts) => parts.join(''))
  .filter((s) => s.length < 80)
const texts = ['', ' ', '   ', speeches[5]!.slice(0, 600), ...marks, ...fc.sample(marked, { numRuns: 80, seed: 2 })]
const corpus = speeches.slice(0, 12).flatMap((speech) => speech.split(/(?<=[.;!?])\s+/))
process.stdout.write(JSON.stringify({ corpus, texts }))
