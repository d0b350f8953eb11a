// Runs every spec file in a process of its own, as many at a time as there are cores, and sums up what uvu prints.
// usage: node spec/run.mjs [--dir DIR] [part of a path ...]
// The last line is `N passed, N failed` (`, N skipped`). A file that crashes, hangs, prints no totals or declares no test
// counts as one failure. A spec says `SKIP reason` where it lacks a part of the machine; with CI=true a skip is a failure.
import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const args = process.argv.slice(2)
const dirAt = args.indexOf('--dir')
const dir = dirAt < 0 ? here : resolve(args.splice(dirAt, 2)[1])
const timeoutMs = Number(process.env.EMEND_SPEC_TIMEOUT_MS ?? 600_000)
const strict = process.env.CI === 'true'

const find = (folder) =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return ['node_modules', 'example'].includes(entry.name) ? [] : find(path)
    return entry.name.endsWith('.spec.ts') ? [path] : []
  })

const files = find(dir)
  .sort()
  .filter((file) => args.length === 0 || args.some((part) => relative(dir, file).includes(part)))
if (files.length === 0) {
  console.log(`no spec file under ${dir} matches ${args.join(' ')}`)
  console.log('0 passed, 1 failed')
  process.exit(1)
}

const runFile = (file) =>
  new Promise((done) => {
    const began = Date.now()
    const child = spawn(process.execPath, ['--max-old-space-size=6144', '--import', 'tsx', file], {
      cwd: join(here, '..'),
    })
    let output = ''
    child.stdout.on('data', (chunk) => (output += chunk))
    child.stderr.on('data', (chunk) => (output += chunk))
    let late = false
    const timer = setTimeout(() => {
      late = true
      child.kill('SIGKILL')
    }, timeoutMs)
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      done({ file, output, code, signal, late, seconds: (Date.now() - began) / 1000 })
    })
  })

const total = { passed: 0, failed: 0, skipped: 0 }
const report = ({ file, output, code, signal, late, seconds }) => {
  const number = (name) =>
    [...output.matchAll(new RegExp(`^ {2}${name}:\\s+(\\d+)`, 'gm'))].reduce((n, m) => n + Number(m[1]), 0)
  const [declared, passed] = [number('Total'), number('Passed')]
  const skips = [...output.matchAll(/^SKIP .*$/gm)].map((m) => m[0])
  let failed = declared - passed
  const trouble = late
    ? `killed after ${timeoutMs / 1000} s`
    : signal !== null
      ? `ended by ${signal}`
      : declared === 0
        ? 'ran no test'
        : code !== 0 && failed === 0
          ? `exit code ${code}`
          : undefined
  if (trouble !== undefined) failed += 1
  if (strict) failed += skips.length
  total.passed += passed
  total.failed += failed
  total.skipped += strict ? 0 : skips.length
  console.log(`${failed === 0 ? 'ok  ' : 'FAIL'} ${relative(dir, file)} ${passed}/${declared} ${seconds.toFixed(1)} s`)
  for (const skip of skips) console.log(`     ${skip}`)
  if (failed > 0) console.log([...(trouble === undefined ? [] : [trouble]), output].join('\n'))
}

// Files with this line begin first: none is left to run alone at the end.
const isLong = (file) => readFileSync(file, 'utf8').includes('\n// spec: long\n')
const queue = [...files.filter(isLong), ...files.filter((file) => !isLong(file))]
const worker = async () => {
  for (let file = queue.shift(); file !== undefined; file = queue.shift()) report(await runFile(file))
}
await Promise.all(Array.from({ length: Math.max(1, availableParallelism()) }, worker))
const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : ''
console.log(`${total.passed} passed, ${total.failed} failed${skipped}`)
process.exit(total.failed > 0 ? 1 : 0)
