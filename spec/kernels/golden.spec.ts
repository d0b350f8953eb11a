import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as E from 'fp-ts/Either'
import * as assert from 'uvu/assert'
import { attention, gelu, input, layerNorm, linear, mean, mul, printProgram, square, sub, type Expr } from '../../core'
import { grad } from '../../autodiff'
import { compile, printPlan, type Program } from '../../kernels'
import { pairConfig } from '../../models'
import { forecastStep } from '../../training'
import { describe } from '../harness'

/** A refactoring must not change these texts; a change of fusion must, and is read in the diff. UPDATE_GOLDEN=1 writes them. */
const golden = (name: string, text: string): void => {
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(pathOf(name), `${text}\n`)
  assert.fixture(text, stored(name))
}

const pathOf = (name: string): string => join('spec', 'golden', `${name}.txt`)

const stored = (name: string): string => {
  const path = pathOf(name)
  assert.ok(existsSync(path), `${path} is missing: UPDATE_GOLDEN=1 node spec/run.mjs golden`)
  return readFileSync(path, 'utf8').trimEnd()
}

const planText = (program: Program): string => {
  const plan = compile(() => program)
  if (E.isLeft(plan)) throw plan.left
  return printPlan(plan.right)
}

/** One step of gradient descent of a layer with mean squared error. */
const descent = (): Program => {
  const [x, y] = [input('x', [8, 4]), input('y', [8, 3])]
  const params = { weight: input('weight', [4, 3]), bias: input('bias', [3]) }
  const loss = (p: typeof params): Expr => mean(square(sub(gelu(linear(p)(x)), y)))
  const g = grad(loss)(params)
  return {
    outputs: [
      { name: 'weight', value: sub(params.weight, mul(g.weight, 0.1)) },
      { name: 'bias', value: sub(params.bias, mul(g.bias, 0.1)) },
      { name: 'loss', value: loss(params) },
    ],
    donated: ['weight', 'bias', 'x', 'y'],
  }
}

const attend = (): Program => {
  const [q, k, v] = [input('q', [2, 5, 4]), input('k', [2, 5, 4]), input('v', [2, 5, 4])]
  const norm = { weight: input('weight', [4]), bias: input('bias', [4]) }
  return { outputs: [{ name: 'y', value: layerNorm(norm)(attention(q, k, v)) }] }
}

describe('kernels/golden', (test) => {
  for (const [name, build] of Object.entries({ descent, attend })) {
    test(`the program ${name}`, () => golden(`${name}.program`, printProgram(build().outputs.map((o) => o.value))))
    test(`the plan of ${name}`, () => golden(`${name}.plan`, planText(build())))
  }

  test('the kernels of a tiny training step: how often each runs', () => {
    const forecast = forecastStep(pairConfig('tiny', 300, 16), 4)
    if (E.isLeft(forecast)) throw forecast.left
    const { plan } = forecast.right.programs[0]!
    const runs = new Map<string, number>()
    for (const { kernel } of plan.steps) {
      const name = plan.kernels[kernel]!.name
      runs.set(name, (runs.get(name) ?? 0) + 1)
    }
    const lines = [...runs].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)).map(([name, n]) => `${n} ${name}`)
    golden('tiny-step', [`${plan.steps.length} steps of ${plan.kernels.length} kernels`, ...lines].join('\n'))
  })

  test('control: a plan without fusion is another text', () => {
    const plan = compile(attend, { fused: false })
    if (E.isLeft(plan)) throw plan.left
    assert.is.not(printPlan(plan.right), stored('attend.plan'))
  })
})
