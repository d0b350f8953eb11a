// npm run bench [-- SUITE ... --json]: what emend itself does here. Against others: npm run bench:peers.
import { parseArgs } from 'node:util'
import { machine } from './runner/measure.mjs'
import { table } from './runner/print.mjs'

const names = ['step', 'matmul', 'elementwise', 'scaling', 'compile', 'tokenizer']
// Not among those that run by default: minutes of training, or PyTorch beside it.
const named = ['precision', 'predict', 'finetune']
const usage = `usage: npm run bench [-- SUITE ... --json], SUITE one of ${names.join(', ')} (default: all these), ${named.join(', ')}
  --json  one line of JSON a row
of finetune:
  --data DIR     folder of the tasks' files (default ../shared/data)
  --rounds N     epochs of each (default 1)
of precision and tokenizer:
  --corpus FILE  text to train on, again for more files (default: the addresses of npm start)
of precision:
  --steps N      steps of a run (default 300)
  --seeds N      runs of each precision (default 3)
  --svg FILE     where to draw the histogram of a gradient`
const refuse = (message) => {
  console.error(`${message}\n${usage}`)
  process.exit(2)
}
const { values, positionals } = (() => {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
        corpus: { type: 'string', multiple: true },
        steps: { type: 'string' },
        seeds: { type: 'string' },
        svg: { type: 'string' },
        data: { type: 'string' },
        rounds: { type: 'string' },
      },
    })
  } catch (error) {
    return refuse(error.message)
  }
})()
if (values.help) {
  console.log(usage)
  process.exit(0)
}
const unknown = positionals.find((name) => ![...names, ...named].includes(name))
if (unknown !== undefined) refuse(`no suite ${unknown}`)

const count = (name) => {
  if (values[name] === undefined) return {}
  if (!/^[1-9]\d*$/.test(values[name])) refuse(`--${name}: expected a whole number above 0, got ${values[name]}`)
  return { [name]: Number(values[name]) }
}
/** Which suites an option is of. */
const ofSuites = {
  corpus: ['precision', 'tokenizer'],
  svg: ['precision'],
  steps: ['precision'],
  seeds: ['precision'],
  data: ['finetune'],
  rounds: ['finetune'],
}
const given = {
  corpus: values.corpus,
  svg: values.svg,
  data: values.data,
  ...count('steps'),
  ...count('seeds'),
  ...count('rounds'),
}
const chosen = positionals.length > 0 ? positionals : names
for (const [option, suites] of Object.entries(ofSuites))
  if (given[option] !== undefined && !suites.some((name) => chosen.includes(name)))
    refuse(`--${option} is of the suite ${suites.join(' or ')}`)

if (!values.json) console.log(`${machine()}; medians`)
for (const name of chosen) {
  const { title, columns, run } = await import(`./suites/${name}.mjs`)
  if (!values.json) console.log(`\n${name}: ${title}\n`)
  const { rows, skipped } = await run(given)
  if (values.json) {
    for (const row of rows) console.log(JSON.stringify({ suite: name, ...row }))
    for (const reason of skipped) console.log(JSON.stringify({ suite: name, skipped: reason }))
    continue
  }
  console.log(table([columns.map(([heading]) => heading), ...rows.map((row) => columns.map(([, cell]) => cell(row)))]))
  for (const reason of skipped) console.log(`skipped: ${reason}`)
}
