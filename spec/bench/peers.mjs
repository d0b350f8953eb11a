// npm run bench:peers [-- --threads N --rounds N --steps N --only NAME,NAME --json]
// emend and its peers on the same work, each in a process of its own, taking turns: the machine's moods hit all of them alike.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Gone, startContestant } from './runner/contestant.mjs'
import { findTorch, installPackages, peers } from './runner/install.mjs'
import { cores, gflopsOf, machine, median, spread } from './runner/measure.mjs'
import { table } from './runner/print.mjs'
import { adam, encoder, gflopOf, lnEps, parameterCount, problemOf } from './problem.mjs'

const names = ['emend wasm', 'emend blas', 'jax-js', 'tfjs', 'torch']
const usage = `usage: npm run bench:peers [-- options]
  --threads N   threads of each contestant that has them (default ${cores()}: one a core)
  --rounds N    turns that each takes (default 6)
  --steps N     training steps of a turn (default 5)
  --only A,B    of ${names.join(', ')}
  --json        one line of JSON a contestant`
const refuse = (message) => {
  console.error(`${message}\n${usage}`)
  process.exit(2)
}
const options = (() => {
  try {
    const { values } = parseArgs({
      options: {
        threads: { type: 'string', default: String(cores()) },
        rounds: { type: 'string', default: '6' },
        steps: { type: 'string', default: '5' },
        only: { type: 'string', default: names.join(',') },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    })
    return values
  } catch (error) {
    return refuse(error.message)
  }
})()
if (options.help) {
  console.log(usage)
  process.exit(0)
}
const [threads, rounds, steps] = ['threads', 'rounds', 'steps'].map((name) => {
  const n = Number(options[name])
  return Number.isInteger(n) && n > 0 ? n : refuse(`--${name}: a whole number above 0, got ${options[name]}`)
})
const wanted = options.only.split(',').map((name) => name.trim())
const unknown = wanted.find((name) => !names.includes(name))
if (unknown !== undefined) refuse(`--only: one of ${names.join(', ')}, got ${unknown}`)
const progress = (text) => process.stderr.write(`${text}\n`)

/** The problem for a contestant that is not JavaScript. */
const writeProblem = (folder) => {
  const { params, ids, positions, labels, ...config } = problemOf()
  const lists = { ids: [...ids], positions: [...positions], labels: [...labels] }
  const shapes = Object.entries(params).map(([name, { shape }]) => [name, shape])
  writeFileSync(join(folder, 'problem.json'), JSON.stringify({ ...config, ...lists, params: shapes, adam, lnEps }))
  writeFileSync(
    join(folder, 'params.f32'),
    Buffer.concat(Object.values(params).map(({ data }) => Buffer.from(data.buffer))),
  )
}

const script = (name) => fileURLToPath(new URL(`./contestants/${name}`, import.meta.url))
const isWanted = (...some) => some.some((name) => wanted.includes(name))
const folder = mkdtempSync(join(tmpdir(), 'emend-bench-'))
writeProblem(folder)
if (isWanted('jax-js', 'tfjs')) progress(`installing the peers in ${peers}`)
const missing = isWanted('jax-js', 'tfjs') ? await installPackages() : undefined
const torch = isWanted('torch') ? await findTorch() : {}

const node = process.execPath
const starters = {
  'emend wasm': () => startContestant(node, [script('emend.mjs'), JSON.stringify({ threads, matmul: 'wasm' })], folder),
  'emend blas': () => startContestant(node, [script('emend.mjs'), JSON.stringify({ threads, matmul: 'blas' })], folder),
  'jax-js': () =>
    missing ??
    startContestant(node, ['--experimental-wasm-relaxed-simd', script('jax-js.mjs'), String(threads)], folder),
  tfjs: () => missing ?? startContestant(node, [script('tfjs.mjs')], folder),
  torch: () => torch.reason ?? startContestant(torch.python, [script('pytorch.py'), String(threads), folder], folder),
}

/** Results by name; a contestant that fails is skipped from there on, and says why. */
const results = new Map()
const playing = new Map()
const skip = (name, skipped) => {
  playing.delete(name)
  results.set(name, { name, skipped })
}
const turn = async (name, request) => {
  try {
    return await playing.get(name).ask(request)
  } catch (error) {
    if (!(error instanceof Gone)) throw error
    skip(name, error.message)
    return undefined
  }
}
for (const name of wanted) {
  try {
    const started = await starters[name]()
    if (typeof started === 'string') skip(name, started)
    else playing.set(name, started)
  } catch (error) {
    if (!(error instanceof Gone)) throw error
    skip(name, error.message)
  }
}

progress(`the step: 10 to begin with (losses), then ${rounds} turns of ${steps}`)
for (const name of [...playing.keys()]) {
  const answer = await turn(name, { do: 'step', times: 10 })
  const { version, backend, threads } = playing.get(name) ?? {}
  if (answer !== undefined)
    results.set(name, { name, version, backend, threads, losses: answer.losses, firstMs: answer.ms[0], ms: [] })
}
for (let round = 0; round < rounds; round++)
  for (const name of [...playing.keys()]) {
    const answer = await turn(name, { do: 'step', times: steps })
    if (answer !== undefined) results.get(name).ms.push(...answer.ms)
  }
for (const name of [...playing.keys()]) {
  const answer = await turn(name, { do: 'memory' })
  if (answer !== undefined) results.get(name).rssMb = answer.rssMb
}
for (const n of [512, 1024]) {
  progress(`matrix products of ${n}: ${rounds} turns of 10`)
  for (const name of playing.keys()) results.get(name)[`products${n}`] = []
  for (let round = 0; round < rounds; round++)
    for (const name of [...playing.keys()]) {
      const answer = await turn(name, { do: 'matmul', n, times: 10 })
      if (answer !== undefined) results.get(name)[`products${n}`].push(...answer.ms)
    }
}
await Promise.all([...playing.values()].map((contestant) => contestant.stop()))
rmSync(folder, { recursive: true })

const rounded = (x, digits) => Number(x.toFixed(digits))
const ordered = wanted.map((name) => results.get(name))
if (options.json)
  for (const r of ordered)
    console.log(
      JSON.stringify(
        r.skipped !== undefined
          ? r
          : {
              name: r.name,
              version: r.version,
              backend: r.backend,
              threads: r.threads,
              stepMs: rounded(median(r.ms), 1),
              matmul512: rounded(gflopsOf(512, median(r.products512)), 1),
              matmul1024: rounded(gflopsOf(1024, median(r.products1024)), 1),
              rssMb: rounded(r.rssMb, 0),
              losses: r.losses.map((loss) => rounded(loss, 4)),
            },
      ),
    )
else {
  const { L, H, B, S, V } = encoder
  console.log(`${machine()}; ${threads} threads; float32; medians`)
  console.log(
    `step: ${L} layers, ${H} wide, ${B} x ${S} tokens, vocabulary ${V}; ${parameterCount().toLocaleString('en')} parameters, ${gflopOf().toFixed(1)} GFLOP\n`,
  )
  const heading = ['', 'step ms', '± %', 'first ms', '512 GFLOP/s', '1024 GFLOP/s', 'peak MB', 'loss 1', 'loss 10']
  const done = ordered.filter((r) => r.skipped === undefined)
  const rows = done.map((r) => [
    r.name,
    median(r.ms).toFixed(0),
    (100 * spread(r.ms)).toFixed(0),
    r.firstMs.toFixed(0),
    gflopsOf(512, median(r.products512)).toFixed(1),
    gflopsOf(1024, median(r.products1024)).toFixed(1),
    r.rssMb.toFixed(0),
    r.losses[0].toFixed(4),
    r.losses.at(-1).toFixed(4),
  ])
  if (rows.length > 0) console.log(table([heading, ...rows]))
  for (const r of done) console.log(`  ${r.name}: ${r.version}, ${r.backend}, threads ${r.threads}`)
  for (const r of ordered) if (r.skipped !== undefined) console.log(`  ${r.name} skipped: ${r.skipped}`)
  console.log('')
  for (const ours of done.filter((r) => r.name.startsWith('emend')))
    for (const theirs of done.filter((r) => !r.name.startsWith('emend'))) {
      const ratio = median(theirs.ms) / median(ours.ms)
      console.log(
        ratio >= 1
          ? `${ours.name} takes a step ${ratio.toFixed(2)} x faster than ${theirs.name}`
          : `${ours.name} takes a step ${(1 / ratio).toFixed(2)} x slower than ${theirs.name}`,
      )
    }
}
if (ordered.every((r) => r.skipped !== undefined)) process.exit(1)
