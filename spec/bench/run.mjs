// npm run bench [-- SUITE ... --json]: what emend itself does here. Against others: npm run bench:peers.
import { parseArgs } from 'node:util'
import { machine } from './runner/measure.mjs'
import { table } from './runner/print.mjs'

const names = ['step', 'matmul', 'elementwise', 'scaling', 'compile']
const usage = `usage: npm run bench [-- SUITE ... --json], SUITE one of ${names.join(', ')} (default: all)
  --json  one line of JSON a row`
const refuse = (message) => {
  console.error(`${message}\n${usage}`)
  process.exit(2)
}
const { values, positionals } = (() => {
  try {
    return parseArgs({
      allowPositionals: true,
      options: { json: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } },
    })
  } catch (error) {
    return refuse(error.message)
  }
})()
if (values.help) {
  console.log(usage)
  process.exit(0)
}
const unknown = positionals.find((name) => !names.includes(name))
if (unknown !== undefined) refuse(`no suite ${unknown}`)

if (!values.json) console.log(`${machine()}; medians`)
for (const name of positionals.length > 0 ? positionals : names) {
  const { title, columns, run } = await import(`./suites/${name}.mjs`)
  if (!values.json) console.log(`\n${name}: ${title}\n`)
  const { rows, skipped } = await run()
  if (values.json) {
    for (const row of rows) console.log(JSON.stringify({ suite: name, ...row }))
    for (const reason of skipped) console.log(JSON.stringify({ suite: name, skipped: reason }))
    continue
  }
  console.log(table([columns.map(([heading]) => heading), ...rows.map((row) => columns.map(([, cell]) => cell(row)))]))
  for (const reason of skipped) console.log(`skipped: ${reason}`)
}
