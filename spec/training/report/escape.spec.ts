import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { escapeHtml, scriptJson } from '../../../training/report/escape'
import { describe } from '../../harness'
import { elementsOf, textOf } from './html'

const piece = fc.constantFrom(
  '<',
  '>',
  '&',
  '"',
  "'",
  '</script>',
  '<!--',
  ']]>',
  '&lt;',
  '\u2028',
  ' ',
  'a',
  'é',
  '漢',
  '🙂',
  '\\u003c',
)
const hostile = fc.array(piece, { maxLength: 12 }).map((parts) => parts.join(''))
const plain = { seed: 20240501, numRuns: 500 }

describe('training/report/escape', (test) => {
  test('escaped text is one text node, and says what it said', () =>
    fc.assert(
      fc.property(hostile, (text) => {
        const html = `<p title="${escapeHtml(text)}">${escapeHtml(text)}</p>`
        assert.is(elementsOf(html).length, 1)
        assert.is(textOf(html), text.replaceAll('\u2028', 'U+2028'))
      }),
      plain,
    ))

  test('control: text that is not escaped is caught', () =>
    assert.throws(() =>
      fc.assert(
        fc.property(hostile, (text) => {
          elementsOf(`<p>${text}</p>`)
        }),
        plain,
      ),
    ))

  test('no string, of any code units, leaves a sign of HTML or one that cannot be seen', () =>
    fc.assert(
      fc.property(fc.array(fc.nat(0xffff), { maxLength: 40 }), (units) => {
        const escaped = escapeHtml(String.fromCharCode(...units))
        assert.not.match(escaped, /[<>"'\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069\ufeff]/)
        assert.not.match(escaped, /\p{Surrogate}/u)
      }),
      plain,
    ))

  test('what shows nothing is shown', () => {
    assert.is(escapeHtml('\u0000\u001b\r\u007f'), '␀␛␍U+007F')
    assert.is(escapeHtml('\u202eabc'), 'U+202Eabc')
    assert.is(escapeHtml('\ud83d'), '\ufffd')
    assert.is(escapeHtml('👨‍👩‍👧 naïve'), '👨‍👩‍👧 naïve')
  })

  test('JSON in a script: parsed back it is the value, and no tag is in it', () =>
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), hostile), (value) => {
        const json = scriptJson(value)
        assert.not.match(json, /[<\u2028\u2029]/)
        assert.equal(JSON.parse(json), JSON.parse(JSON.stringify(value)))
      }),
      plain,
    ))
})
