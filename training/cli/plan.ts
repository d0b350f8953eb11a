import type { Command } from 'commander'
import * as E from 'fp-ts/Either'
import { layoutOf, printPlan } from '../../kernels'
import { isPadding } from '../data/packing'
import { badInput, ofShape } from '../fault'
import { decideConfig, modelOf } from '../pretrain/config'
import { settle, type SettledConfig } from '../pretrain/fit-memory'
import { loadObjective } from '../pretrain/objective-file'
import { forecaster, type StepForecast } from '../pretrain/plan-run'
import type { PlannedProgram } from '../step-cost'
import {
  fitOptions,
  lossScaleHelp,
  modelOptions,
  numeric,
  objectiveHelp,
  packingHelp,
  precisionHelp,
  type Flags,
} from './options'
import { print, printJson, type Outcome } from './outcome'
import { importSelf } from './self'

export const planCommand = (program: Command, run: (outcome: Promise<Outcome>) => void): void => {
  modelOptions(fitOptions(program.command('plan')))
    .description('what a pretraining step takes: parameters, FLOPs, memory, kernels. Nothing is run')
    .option('--preset <name>', 'tiny | small | base | large | xl | xxl (default tiny)')
    .option('--objective <name>', objectiveHelp)
    .option('--packing <name>', packingHelp)
    .option('--mask-rate <p>', 'share of the tokens that are masked (default 0.15)', numeric)
    .option('--vocab <v>', "entries of the vocabulary (default: the size's)", numeric)
    .option('--batch <b>', "rows of a step (default: the size's)", numeric)
    .option('--seq <t>', "tokens of a row (default: the size's)", numeric)
    .option('--precision <name>', precisionHelp)
    .option('--loss-scale <name>', lossScaleHelp)
    .option('--device <name>', 'whose memory is foretold: gpujs:webgpu (default: as a plan has it)')
    .option('--steps', 'print every step of the plan')
    .option('--json', 'one JSON object')
    .action((flags: Flags) => run(runPlan(flags)))
}

const runPlan = async ({ json, steps, ...flags }: Flags): Promise<Outcome> => {
  const decided = decideConfig({}, { corpus: ['-'], ...flags })
  if (E.isLeft(decided))
    return E.left(decided.left.map(({ key, expected, got }) => badInput(flagOf(key), '', expected, got)))
  const { objective: name } = decided.right
  if (name.includes('#')) importSelf()
  const objective = await loadObjective(name)()
  if (E.isLeft(objective)) return E.left([objective.left])
  const model = { ...modelOf(decided.right), sharing: objective.right.sharing ?? decided.right.sharing }
  const layout = layoutOf(decided.right.device)
  const settings = { ...decided.right, isPadded: isPadding(decided.right.packing ?? 'stream') }
  const forecast = forecaster(model, settings.batch, settings, { layout, objective: objective.right })
  const settled = settle(decided.right, forecast)
  if (E.isLeft(settled)) return E.left([settled.left])
  const { config, predicted } = settled.right
  const cost = predicted === undefined ? forecast(config) : E.right(predicted)
  if (E.isLeft(cost)) return E.left([ofShape(cost.left, 'plan')])
  const { programs, ...rest } = cost.right
  const { preset, objective: trained, vocab, batch, seq, precision, lossScale, device } = config
  if (json === true)
    printJson({ preset, objective: trained, vocab, batch, seq, precision, lossScale, device, model, ...rest })
  else if (steps === true) for (const { name, times, plan } of programs) print(titled(name, times, printPlan(plan)))
  else describe(config, cost.right)
  return E.right(0)
}

/** `microBatch` -> `--micro-batch`. */
const flagOf = (key: string): string => `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`

/** A step of one program is its plan; else each plan has a line above it. */
const titled = (name: PlannedProgram['name'], times: number, text: string): string =>
  name === 'step' ? text : `${name}, ${times === 1 ? 'once' : `${times} times`}\n${text}\n`

const describe = (
  { preset, objective, vocab, batch, seq, precision, device }: SettledConfig,
  {
    parameters,
    flops,
    peakBytes,
    workBytes,
    arenaBytes,
    traffic,
    buffers,
    steps,
    kernels,
    microBatch,
    remat,
  }: StepForecast,
): void => {
  print(`${preset}, ${objective}, vocabulary ${vocab}, ${batch} rows of ${seq} tokens a step`)
  if (microBatch !== batch)
    print(`${microBatch} rows at once: the gradients of ${batch / microBatch} micro-batches are added up`)
  if (remat !== 'none') print(`${remat === 'layers' ? 'layers are' : 'attention is'} computed again on the way back`)
  print('\nparameters')
  for (const { part, parameters: n } of parameters.parts) print(`  ${part.padEnd(24)} ${count(n).padStart(9)}`)
  print(`  ${'main model'.padEnd(24)} ${count(parameters.main).padStart(9)}   token table, main encoder, its heads`)
  print(`  ${'in all'.padEnd(24)} ${count(parameters.total).padStart(9)}\n`)
  print(`FLOPs a step  ${count(flops)} (${count(flops / (batch * seq))} a token)`)
  const where = layoutOf(device) === undefined ? '' : ` on ${device}`
  print(`peak memory   ${count(peakBytes)}B${where}: parameters and optimizer in f32; gradients and activations`)
  print(`              take ${count(workBytes)}B of it, computed in ${precision} and stored as such`)
  print(`arena         ${count(arenaBytes)}B, shared by liveness`)
  print(`memory moved  ${count(traffic)}B a step`)
  print(`plan          ${steps} steps of ${kernels} distinct kernels over ${buffers} buffers`)
}

/** 1234567 -> `1.23 M`. */
const count = (n: number): string => {
  const units = ['', 'k', 'M', 'G', 'T', 'P', 'E']
  let unit = 0
  let x = n
  while (x >= 1000 && unit < units.length - 1) {
    x /= 1000
    unit += 1
  }
  return `${unit === 0 ? String(Math.round(x)) : x.toPrecision(4)} ${units[unit]!}`.trimEnd()
}
