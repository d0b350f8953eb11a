import * as E from 'fp-ts/Either'
import { add, cast, input, iota, neg, reduceMax, reshape } from '../../../../core'
import { referenceDevice, type Device } from '../../../../kernels'
import { roundBits } from '../../../core/half-patterns'
import { compareOn, planOf, runPlan } from '../../compare-programs'
import { functionCases, worstError } from '../../emit/formula-cases'
import { differences, runRecipe } from '../../emit/hand-made'
import { kernelCases } from '../../emit/kernel-cases'
import { formats, midpoints, mismatches, patterns, runOn } from '../half-cases'
import { outputsOf, planOf as casePlan, programCases, programTolerance } from '../program-cases'

/** Something that a device is to do, and what was wrong with it: nothing, if it did. */
export interface Check {
  readonly title: string
  readonly wrong: string
}

type Run = (device: Device) => Promise<string>

const kernels = kernelCases.map(({ title, recipe, data, want, tolerance }): readonly [string, Run] => [
  `kernel: ${title}`,
  async (device) => differences(await runRecipe(device, recipe, data), want(), tolerance),
])

const programs = Object.entries(programCases).map(([title, values]): readonly [string, Run] => [
  `program: ${title}`,
  async (device) => {
    const plan = casePlan(values)
    const want = await outputsOf(referenceDevice(), plan)
    const got = await outputsOf(device, plan)
    return want.map((w, i) => differences(got[i]!, w, programTolerance)).find((wrong) => wrong !== '') ?? ''
  },
])

const functions = functionCases.map((of): readonly [string, Run] => [
  `${of[0]} within ${of[3]}`,
  async (device) => {
    const worst = await worstError(device, of)
    return worst <= of[3] ? '' : `off by ${worst}`
  },
])

const halves = formats.flatMap(([dtype, format]): readonly (readonly [string, Run])[] => {
  const all = patterns(format)
  const between = midpoints(format)
  const first = (wrong: readonly string[]): string =>
    wrong.length === 0 ? '' : `${wrong.length}: ${wrong.slice(0, 3).join('; ')}`
  const x = input('x', [between.length])
  const rounded = between.map((v) => roundBits(format, v))
  return [
    [
      `all patterns of ${dtype} come back`,
      async (device) =>
        first(mismatches(await runOn(device, neg(neg(input('x', [all.length], dtype))), all), all, all)),
    ],
    [
      `${dtype}: midpoints between neighbours are rounded when stored`,
      async (device) => first(mismatches(await runOn(device, cast(x, dtype), between), rounded, between)),
    ],
    [
      `${dtype}: and inside a kernel`,
      async (device) =>
        first(mismatches(await runOn(device, neg(cast(cast(neg(x), dtype), 'f32')), between), rounded, between)),
    ],
  ]
})

const random: Run = async (device) => {
  try {
    await compareOn(device, { count: 5, seed: 10 })
    return ''
  } catch (error) {
    return String(error)
  }
}

/** An array of more elements than a float can number: its places, and the greatest of every row. */
const large: Run = async (device) => {
  const [rows, columns] = [4101, 4099]
  const data = new Float32Array(rows * columns)
  const tops = new Float32Array(rows)
  for (let i = 0, k = 0; i < rows; i++)
    for (let j = 0; j < columns; j++, k++) {
      data[k] = (k * 31) % 65521
      if (data[k]! > tops[i]!) tops[i] = data[k]!
    }
  const x = input('x', [data.length])
  const outputs = [add(iota([data.length]), -(2 ** 24)), reduceMax(reshape(x, [rows, columns]), 1)]
  const plan = planOf(outputs, { maxInputs: device.maxInputs })
  const [places, greatest] = await runPlan(device, plan, new Map([['x', data]]))
  const last = places!.slice(2 ** 24 - 2)
  return (
    differences(
      last,
      Float32Array.from(last, (_, i) => i - 2),
      0,
    ) + differences(greatest!, tops, 0)
  )
}

const checks: readonly (readonly [string, Run])[] = [
  ...kernels,
  ...programs,
  ...functions,
  ...halves,
  ['random programs', random],
  ['more than 2^24 elements', large],
]

/** All of them on one device, one after another. */
export const checksOn = async (device: Device): Promise<readonly Check[]> => {
  const done: Check[] = []
  for (const [title, run] of checks) {
    // What goes wrong in one must not hide the others.
    const wrong = await run(device).catch((error: unknown) => String(error))
    done.push({ title, wrong })
  }
  return done
}

/** A kernel against what it does not give: must be found wrong. */
export const controlOn = async (device: Device): Promise<string> => {
  const { recipe, data, want } = kernelCases[0]!
  const off = Float32Array.from(want(), (v, i) => (i === 7 ? v + 1 / 8 : v))
  return differences(await runRecipe(device, recipe, data), off, 0)
}

/** What a device says of an array of 400 million elements. */
export const tooLarge = async (device: Device): Promise<string> => {
  const compiled = await device.compile(planOf([iota([400_000_000])]))()
  return E.isLeft(compiled) ? `expected ${compiled.left.expected}, got ${compiled.left.got}` : 'compiled'
}
