// npm run bench:glue -- --from RUN [--data DIR --out DIR --part tune,robust,joint --only TASK,... --seeds N]
// What a pretrained model is worth on real tasks; what PDR does; what several tasks at once do. Hours; what is there is not run again.
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { decideFinetune, finetune } from 'emend/training'
import { common, joint, laidOut, robust, taskPlans } from './glue/plan.mjs'
import { machine, median } from './runner/measure.mjs'
import { table } from './runner/print.mjs'
import { right } from './tuning/models.mjs'

const parts = ['tune', 'robust', 'joint']
const usage = `usage: npm run bench:glue -- --from RUN [options]
  --from RUN     a pretrained run
  --data DIR     folder of glue/ and lingnli/ (default ../shared/data)
  --out DIR      folder of the runs (default runs/glue)
  --part A,B     of ${parts.join(', ')} (default all)
  --only A,B     of ${Object.keys(taskPlans).join(', ')} (default all)
  --seeds N      runs of each (default 3)`
const refuse = (message) => {
  console.error(`${message}\n${usage}`)
  process.exit(2)
}
const options = (() => {
  try {
    return parseArgs({
      options: {
        from: { type: 'string' },
        data: { type: 'string', default: '../shared/data' },
        out: { type: 'string', default: 'runs/glue' },
        part: { type: 'string', default: parts.join(',') },
        only: { type: 'string', default: Object.keys(taskPlans).join(',') },
        seeds: { type: 'string', default: '3' },
        help: { type: 'boolean', default: false },
      },
    }).values
  } catch (error) {
    return refuse(error.message)
  }
})()
if (options.help) {
  console.log(usage)
  process.exit(0)
}
const listed = (name, known) => {
  const list = options[name].split(',').map((one) => one.trim())
  const unknown = list.find((one) => !known.includes(one))
  return unknown === undefined ? list : refuse(`--${name}: one of ${known.join(', ')}, got ${unknown}`)
}
const { from, data, out } = options
if (from === undefined) refuse('--from: a pretrained run, got none')
const [wantedParts, wanted] = [listed('part', parts), listed('only', Object.keys(taskPlans))]
const seeds = Number(options.seeds)
if (!Number.isInteger(seeds) || seeds < 1) refuse(`--seeds: a whole number above 0, got ${options.seeds}`)
if (!existsSync(join(data, 'glue'))) refuse(`--data: a folder with glue/ in it, got ${data}`)

mkdirSync(out, { recursive: true })
const rowsOf = laidOut(data, join(out, 'data'))
const say = (text) => process.stderr.write(`${text}\n`)

/** The runs of some settings, under every seed; their result as it is kept. */
const tuned = async (name, settings) => {
  const folder = join(out, name)
  const config = right(decideFinetune({}, { ...common, from, seeds, ...settings, out: folder }))
  say(`${name}: ${config.task.join(', ')}`)
  return right(await finetune(config, existsSync(join(folder, 'config.json')))())
}
const single = (task, more = {}) => {
  const { figure: _, ...plan } = taskPlans[task]
  return { task: [task], ...plan, ...rowsOf(task), ...more }
}
/** `0.8123 (0.80 to 0.82)` */
const shown = ({ median: middle, least, most }) => `${middle.toFixed(4)} (${least.toFixed(3)} to ${most.toFixed(3)})`
const percent = (x) => `${(100 * x).toFixed(1)} %`

const tune = async () => {
  const rows = []
  for (const task of wanted) {
    const { figure } = taskPlans[task]
    const pretrained = await tuned(`${task}/pretrained`, single(task))
    const untrained = await tuned(`${task}/untrained`, single(task, { untrained: true }))
    const { majority, bagOfWords } = pretrained.baselines[task]
    rows.push([task, figure, majority[figure].toFixed(4), bagOfWords[figure].toFixed(4), shown(untrained.summary[task][figure]), shown(pretrained.summary[task][figure])]) // prettier-ignore
  }
  return table([['task', 'figure', 'majority', 'bag of words', 'untrained', 'pretrained'], ...rows])
}

const cli = fileURLToPath(new URL('../../dist/cli.js', import.meta.url))
const call = promisify(execFile)

/** Both models of a seed on the dev rows, as they are and with noise; kept once it is there. */
const compared = async (task, plain, pdr) => {
  const kept = join(pdr, 'against-plain.json')
  if (existsSync(kept)) return JSON.parse(readFileSync(kept, 'utf8'))
  const args = ['evaluate', '--task', task, '--data', rowsOf(task).data, '--from', pdr, '--against', plain, '--perturb', robust.noise, '--json'] // prettier-ignore
  const { stdout } = await call(process.execPath, [cli, ...args])
  writeFileSync(kept, stdout)
  return JSON.parse(stdout)
}

const robustness = async () => {
  const rows = []
  for (const task of robust.tasks.filter((one) => wanted.includes(one))) {
    const plain = await tuned(`${task}/pretrained`, single(task))
    const pdr = await tuned(`${task}/pdr`, single(task, { pdr: robust.pdr }))
    const seen = []
    for (const { seed } of pdr.seeds)
      seen.push(
        await compared(task, join(out, task, 'pretrained', `seed-${seed}`), join(out, task, 'pdr', `seed-${seed}`)),
      )
    const { figure } = taskPlans[task]
    const middle = (of) => median(seen.map(of))
    const seconds = (result) => median(result.seeds.map((one) => one.seconds))
    for (const [name, of, took] of [
      ['plain', (one) => one.against, seconds(plain)],
      ['pdr', (one) => one, seconds(pdr)],
    ])
      rows.push([task, name, middle((s) => of(s).metrics[figure]).toFixed(4), middle((s) => of(s).perturbed.metrics[figure]).toFixed(4), percent(middle((s) => of(s).perturbed.flipRate)), took.toFixed(0)]) // prettier-ignore
    const paired = seen.map(({ paired: p }) => p.perturbed ?? p)
    const sum = (of) => paired.reduce((n, p) => n + of(p), 0)
    rows.push([task, `pdr alone right ${sum((p) => p.firstAlone)}, plain alone ${sum((p) => p.secondAlone)}; p ${paired.map((p) => p.p.toFixed(3)).join(' ')}`, '', '', '', '']) // prettier-ignore
  }
  return table([['task', '', 'dev', 'dev with noise', 'answers that flip', 'seconds'], ...rows])
}

const together = async () => {
  const { tasks, ...settings } = joint
  const all = await tuned('joint', { task: tasks, data, ...settings })
  const rows = []
  for (const task of tasks) {
    const { figure } = taskPlans[task]
    const alone = await tuned(`${task}/pretrained`, single(task))
    const after = await tuned(`${task}/after-joint`, single(task, { from: join(out, 'joint') }))
    rows.push([task, figure, ...[alone, all, after].map(({ summary }) => shown(summary[task][figure]))])
  }
  return table([['task', 'figure', 'alone', 'joint', 'joint, then alone'], ...rows])
}

console.log(`${machine()}; ${seeds} seeds: median (least to most) on dev rows`)
for (const [name, run] of [
  ['tune', tune],
  ['robust', robustness],
  ['joint', together],
])
  if (wantedParts.includes(name)) console.log(`\n${name}\n\n${await run()}`)
