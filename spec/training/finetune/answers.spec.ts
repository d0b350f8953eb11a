import * as E from 'fp-ts/Either'
import * as assert from 'uvu/assert'
import { leavesOf } from '../../../core'
import { wasmDevice, type Device, type HostArray } from '../../../kernels'
import { initValues, tunedSpecs, type ParameterSpec } from '../../../models'
import { openAnswerer, type EncodedExample } from '../../../training/finetune'
import { headed, namedAvals, type TunedModel } from '../../../training/finetune/model'
import { uploadAll, type Values } from '../../../training/runner'
import type { Answer, HeadForm, Task } from '../../../training/tasks'
import { describe } from '../../harness'
import { assertClose } from '../../kit'
import { pair } from '../objectives/specimens'

const seq = 24
const config = { ...pair, maxLength: seq }
const forms: { readonly [name: string]: HeadForm } = {
  classes: { kind: 'classification', labels: ['a', 'b', 'c'] },
  value: { kind: 'regression', scale: 5, range: [0, 5] },
  ranking: { kind: 'ranking' },
}
const model: TunedModel = {
  config,
  headDropout: 0.1,
  tasks: Object.entries(forms).map(([name, head]) => headed({ name, head } as Task, 'pooled')),
}
const heads = Object.fromEntries(model.tasks.map(({ task, head }) => [task.name, head.specs(config)]))
const specs = tunedSpecs(config, heads)
const shapes = new Map(leavesOf<ParameterSpec>(specs).map(([path, { aval }]) => [path, aval]))
const values: ReadonlyMap<string, HostArray> = new Map(
  [...initValues(specs, 3)].map(([path, data]) => [
    `params/${path}`,
    Float32Array.from(data, (x, i) => x + 0.2 * Math.sin(i + path.length)),
  ]),
)

/** Rows of many lengths, in no order; a ranking has two to four readings. */
const examples = (name: string): readonly EncodedExample[] =>
  Array.from({ length: 13 }, (_, e) => ({
    id: String(e),
    target: undefined,
    readings: Array.from({ length: name === 'ranking' ? 2 + (e % 3) : 1 }, (_, c) => {
      const n = 3 + ((11 * e + 5 * c) % (seq - 2))
      return {
        ids: Int32Array.from({ length: n }, (_, i) => (i === 0 ? 0 : 5 + ((7 * e + 3 * i + c) % 14))),
        segments: new Uint8Array(n).fill(1, 1, n - 1),
        cut: 0,
      }
    }),
  }))

const right = <A>(either: E.Either<unknown, A>): A => {
  if (E.isLeft(either)) throw new Error(JSON.stringify(either.left))
  return either.right
}
const answersOf = async (
  device: Device,
  params: Values,
  { rows, fused = true }: { readonly rows: number; readonly fused?: boolean },
  own = examples,
): Promise<readonly (readonly Answer[])[]> => {
  const answerer = openAnswerer({ device, model, rows, seq, fused })
  const all: (readonly Answer[])[] = []
  for (const one of model.tasks) all.push(right(await answerer.answer(params, one, own(one.task.name))()))
  answerer.dispose()
  return all
}
const numbers = (answers: readonly (readonly Answer[])[]): readonly number[] =>
  answers.flat().flatMap(({ value, scores }) => [value, ...scores])

describe('training/finetune/answers', (test) => {
  const opened = (async () => {
    const device = right(await wasmDevice({ threads: 1 })())
    const arrays = [...values].map(([name, data]) => [name, data, shapes.get(name.slice('params/'.length))!] as const)
    return { device, params: right(await uploadAll(device, arrays)()) }
  })()

  test('every parameter of the model is given', () => {
    assert.equal([...values.keys()].sort(), [...namedAvals(model).keys()].sort())
  })

  test('an answer does not depend on what is computed beside it: batches of 1, 4 and 32', async () => {
    const { device, params } = await opened
    const alone = await answersOf(device, params, { rows: 1 })
    for (const rows of [4, 32])
      assertClose(numbers(await answersOf(device, params, { rows })), numbers(alone), {
        label: `${rows}`,
        tolerance: 1e-5,
      })
    const [first] = numbers(alone)
    assert.ok(numbers(alone).some((x) => x !== first))
  })

  test('answers come in the order of the examples', async () => {
    const { device, params } = await opened
    const forwards = await answersOf(device, params, { rows: 4 })
    const backwards = await answersOf(device, params, { rows: 4 }, (name) => [...examples(name)].reverse())
    const turned = backwards.map((own) => [...own].reverse())
    assertClose(numbers(turned), numbers(forwards), { label: 'reversed', tolerance: 1e-5 })
  })

  test('one kernel per op gives the same', async () => {
    const { device, params } = await opened
    const fused = await answersOf(device, params, { rows: 4 })
    assertClose(numbers(await answersOf(device, params, { rows: 4, fused: false })), numbers(fused), { label: 'unfused', tolerance: 1e-5 }) // prettier-ignore
  })

  test('a class is the likeliest, a value is scaled, a ranking has as many scores as readings', async () => {
    const { device, params } = await opened
    const [classes, value, ranking] = await answersOf(device, params, { rows: 4 })
    for (const { value: chosen, scores } of classes!) {
      assert.is(scores.length, 3)
      assert.is(scores[chosen], Math.max(...scores))
    }
    for (const answer of value!) assert.equal(answer.scores, [answer.value])
    ranking!.forEach(({ value: chosen, scores }, e) => {
      assert.is(scores.length, 2 + (e % 3))
      assert.is(scores[chosen], Math.max(...scores))
    })
  })

  test('parameters that are not numbers are told, not answered', async () => {
    const { device } = await opened
    const arrays = [...values].map(([name, data]) => {
      const aval = shapes.get(name.slice('params/'.length))!
      return [name, name === 'params/tasks/classes/out/bias' ? data.map(() => NaN) : data, aval] as const
    })
    const params = right(await uploadAll(device, arrays)())
    const answerer = openAnswerer({ device, model, rows: 4, seq })
    const answered = await answerer.answer(params, model.tasks[0]!, examples('classes'))()
    assert.ok(E.isLeft(answered) && '_tag' in answered.left && answered.left._tag === 'DeviceFault')
    assert.is(answered.left.what, 'scores of classes')
    answerer.dispose()
    await device.close()
  })
})
