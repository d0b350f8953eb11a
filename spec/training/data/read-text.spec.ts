import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import * as E from 'fp-ts/Either'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { showDataFault } from '../../../training/data/fault'
import {
  maxPlainDocument,
  readDocuments,
  streamDocuments,
  streamLines,
  type Document,
} from '../../../training/data/read-text'
import { describe } from '../../harness'

/** Run `body` in a folder of its own; `put` writes a file there and answers its path. */
const inFolder = async (body: (put: (name: string, bytes: string | Uint8Array) => string) => Promise<void>) => {
  const folder = mkdtempSync(join(tmpdir(), 'emend-'))
  try {
    await body((name, bytes) => {
      writeFileSync(join(folder, name), bytes)
      return join(folder, name)
    })
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const read = async (...files: string[]): Promise<readonly Document[]> => {
  const answer = await readDocuments(files)()
  if (E.isLeft(answer)) throw new Error(showDataFault(answer.left))
  return answer.right
}

const refused = async (...files: string[]): Promise<string> => {
  const answer = await readDocuments(files)()
  if (E.isRight(answer)) throw new Error('expected a fault')
  return showDataFault(answer.left)
}

const texts = (documents: readonly Document[]) => documents.map(({ text }) => text)
const rows = ['one', 'two\n\nlines', 'drei 🦀 ünï', 'x'.repeat(700_000), 'end']
const jsonl = rows.map((text, id) => JSON.stringify({ id, text })).join('\n')

describe('training/data/read-text', (test) => {
  test('jsonl and plain text read the same from plain, gz and br files', () =>
    inFolder(async (put) => {
      assert.equal(texts(await read(put('a.jsonl', jsonl))), rows)
      assert.equal(texts(await read(put('a.jsonl.gz', gzipSync(jsonl)))), rows)
      assert.equal(texts(await read(put('a.jsonl.br', brotliCompressSync(jsonl)))), rows)
      const book = 'A paragraph\nof two lines.\n\nAnother.\n'
      for (const file of [put('b.txt', book), put('b.gz', gzipSync(book)), put('b.md.br', brotliCompressSync(book))])
        assert.equal(await read(file), [{ text: book, source: file }])
    }))

  test('any rows survive: gz members of any cut, blank lines, \\r\\n, a byte order mark', () =>
    inFolder(async (put) => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.string({ unit: 'grapheme', minLength: 1 }), { minLength: 1 }),
          fc.nat(),
          async (all, cut) => {
            const kept = all.filter((text) => text.trim() !== '')
            fc.pre(kept.length > 0)
            const bytes = Buffer.from('\ufeff' + all.map((text) => JSON.stringify({ text }) + '\r\n').join('\n'))
            const at = cut % bytes.length
            const file = put(
              'm.jsonl.gz',
              Buffer.concat([gzipSync(bytes.subarray(0, at)), gzipSync(bytes.subarray(at))]),
            )
            assert.equal(texts(await read(file)), kept)
          },
        ),
        { numRuns: 50 },
      )
    }))

  test('a long plain file is cut at a blank line and nothing is lost', () =>
    inFolder(async (put) => {
      const paragraph = 'word '.repeat(2000) + '\n\n'
      const book = paragraph.repeat(Math.ceil((1.2 * maxPlainDocument) / paragraph.length))
      const parts = await read(put('long.txt', book))
      assert.is(parts.length > 1, true)
      assert.is(texts(parts).join('') === book, true)
      assert.is(
        parts.slice(0, -1).every(({ text }) => text.endsWith('\n')),
        true,
      )
      assert.match(parts[1]?.source ?? '', /long\.txt \(part 2\)$/)
    }))

  test('each fault names the file and what was wrong', () =>
    inFolder(async (put) => {
      const packed = gzipSync(Buffer.from(jsonl))
      const squeezed = brotliCompressSync(Buffer.from(jsonl))
      assert.match(
        await refused('/nowhere/a.txt'),
        /^corpus file: expected an existing file, got no such file\n {2}at \/n/,
      )
      assert.match(await refused('/nowhere/a.jsonl.gz'), /no such file/)
      assert.match(await refused(tmpdir()), /expected a file, got a directory/)
      assert.match(await refused(), /expected at least one file, got none/)
      for (const name of ['e.txt', 'e.jsonl', 'e.gz', 'e.br'])
        assert.match(await refused(put(name, '')), /an empty file|truncated/)
      assert.match(await refused(put('blank.txt', ' \n\n ')), /an empty file/)
      assert.match(await refused(put('nul.txt', 'ab\0cd')), /expected UTF-8 text, got a NUL/)
      assert.match(await refused(put('latin1.txt', Buffer.from([0x61, 0xe9, 0x62]))), /not UTF-8, between 0 and 3/)
      assert.match(await refused(put('half.txt', Buffer.from([0x61, 0xe2, 0x82]))), /not UTF-8/)
      assert.match(await refused(put('cut.jsonl.gz', packed.subarray(0, packed.length - 12))), /got a truncated one/)
      assert.match(await refused(put('cut.jsonl.br', squeezed.subarray(0, squeezed.length - 4))), /got a truncated one/)
      assert.match(await refused(put('not.gz', 'plain text')), /incorrect header check/)
      assert.match(await refused(put('not.br', 'plain text, no brotli')), /expected a (readable file|whole stream)/)
    }))

  test('each bad row names its file and line', () =>
    inFolder(async (put) => {
      const bad = (row: string) => refused(put('bad.jsonl', `{"text":"a"}\n\n${row}\n`))
      assert.match(
        await bad('{"text":'),
        /^jsonl row: expected one JSON object on a line, got .*\n {2}at .*bad\.jsonl:3$/,
      )
      assert.match(await bad('{"id":1,"body":"x"}'), /expected a string under "text", got the keys "id", "body"\n.*:3$/)
      assert.match(await bad('{"text":7}'), /got a value of type number there/)
      assert.match(await bad('{"text":null}'), /got null there/)
      assert.match(await bad('["text"]'), /got an array/)
      assert.match(await bad('"text"'), /got "text"/)
    }))

  test('lines of any text, however it is packed: \\n and \\r\\n end them, after the last end there is none', () =>
    inFolder(async (put) => {
      const texts = fc.array(fc.string({ unit: fc.constantFrom('a', 'ü', '\t', '"', ' ', '\u2028') }))
      await fc.assert(
        fc.asyncProperty(texts, fc.constantFrom('\n', '\r\n'), fc.boolean(), async (all, end, isEnded) => {
          const text = all.join(end) + (isEnded && all.length > 0 ? end : '')
          const want = all.length === 0 || (!isEnded && all.at(-1) === '') ? all.slice(0, -1) : all
          for (const file of [
            put('l.tsv', text),
            put('l.tsv.gz', gzipSync(text)),
            put('l.br', brotliCompressSync(text)),
          ]) {
            const got: string[] = []
            for await (const next of streamLines(file, 'file')) {
              if (E.isLeft(next)) throw new Error(showDataFault(next.left))
              assert.is(next.right.line, got.length + 1)
              got.push(next.right.text)
            }
            assert.equal(got, want)
          }
        }),
        { seed: 5, numRuns: 100 },
      )
    }))

  test('the stream gives what was readable before the fault, then the fault, then ends', () =>
    inFolder(async (put) => {
      const seen: string[] = []
      for await (const next of streamDocuments([put('s.jsonl', '{"text":"a"}\n{"text":"b"}\n?\n{"text":"c"}')]))
        seen.push(E.isRight(next) ? next.right.text : next.left._tag)
      assert.equal(seen, ['a', 'b', 'DataFault'])
    }))
})
