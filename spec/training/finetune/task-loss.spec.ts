import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { evaluateOne, keyOf, leavesOf, mapTree, ops, treeOf, type Expr } from '../../../core'
import { tunedSpecs, type ParameterSpec, type TunedParams } from '../../../models'
import { initValues } from '../../../models'
import {
  pose,
  taskAvals,
  taskBatch,
  type Posed,
  type TaskInputs,
  type TaskShape,
} from '../../../training/finetune/batch'
import { robustLoss } from '../../../training/finetune/robust-loss'
import { headed, type TunedModel } from '../../../training/finetune/model'
import { scoresOf, taskLoss } from '../../../training/finetune'
import type { HeadForm, Task } from '../../../training/tasks'
import { describe } from '../../harness'
import { assertClose } from '../../kit'
import { pair } from '../objectives/specimens'

const forms: { readonly [name: string]: HeadForm } = {
  classification: { kind: 'classification', labels: ['a', 'b', 'c'] },
  regression: { kind: 'regression', scale: 5, range: [0, 5] },
  choice: { kind: 'choice', choices: 2 },
  ranking: { kind: 'ranking' },
  'span-pair': { kind: 'span-pair', labels: ['no', 'yes'] },
}
const taskOfForm = (head: HeadForm): Task => ({ name: head.kind, head }) as Task
const still = { ...pair, dropout: 0, attentionDropout: 0 }

const modelOf = (kind: string, answer: 'pooled' | 'san' = 'pooled', config = still, headDropout = 0): TunedModel => ({
  config,
  headDropout,
  tasks: [headed(taskOfForm(forms[kind]!), answer)],
})
const paramsOf = (model: TunedModel): TunedParams => {
  const specs = tunedSpecs(model.config, Object.fromEntries(model.tasks.map(({ task, head }) => [task.name, head.specs(model.config)]))) // prettier-ignore
  const values = initValues(specs, 3)
  const avals = new Map(leavesOf<ParameterSpec>(specs))
  return treeOf<Expr>(
    [...values].map(([path, data]) => [
      path,
      ops.constantArray({
        data: [...data].map((x, i) => x + 0.1 * Math.sin(i + path.length)),
        shape: avals.get(path)!.aval.shape,
        dtype: 'f32',
      }),
    ]),
  ) as TunedParams
}

/** A reading of `n` tokens of which the first text has some and the second the others. */
const reading = (seed: number, n: number) => ({
  ids: Int32Array.from({ length: n }, (_, i) => (i === 0 ? 0 : 5 + ((seed * 7 + i * 3) % 14))),
  segments: Uint8Array.from({ length: n }, (_, i) => (i === 0 || i === n - 1 ? 0 : i <= n / 2 ? 1 : 2)),
  spans: [1, 2, 2, 3] as const,
  cut: 0,
})
const posedOf = (kind: string, count: number, readings: number, longest: number): readonly Posed[] =>
  Array.from({ length: count }, (_, e) => ({
    readings: Array.from({ length: readings }, (_, c) => reading(5 * e + c, 4 + ((3 * e + c) % (longest - 3)))),
    target:
      kind === 'regression' ? e / 5 : e % (kind === 'choice' || kind === 'span-pair' ? 2 : kind === 'ranking' ? 1 : 3),
  }))
const inputsOf = (posed: readonly Posed[], shape: TaskShape, from = 0): TaskInputs => {
  const host = taskBatch(posed, shape, { vocab: pair.vocab, first: 40, from })
  return mapTree(taskAvals(shape), ({ shape: s, dtype }, name) =>
    ops.constantArray({ data: [...host[name as keyof TaskInputs]], shape: s, dtype }),
  ) as TaskInputs
}
const readingsIn = (kind: string): number => (kind === 'choice' ? 2 : kind === 'ranking' ? 3 : 1)
const lossOf = (model: TunedModel, inputs: TaskInputs, params = paramsOf(model)): number =>
  evaluateOne(taskLoss(model, model.tasks[0]!)(params, inputs, keyOf(11)).loss)[0]!
const kinds = Object.keys(forms)

describe('training/finetune/task-loss', (test) => {
  for (const kind of kinds) {
    const C = readingsIn(kind)
    const shape = (examples: number, length = 10): TaskShape => ({ examples, readings: C, length })

    test(`${kind}: the loss is the mean over examples of each alone`, () => {
      const model = modelOf(kind)
      const posed = posedOf(kind, 4, C, 10)
      const alone = posed.map((p) => lossOf(model, inputsOf([p], shape(1))))
      assertClose([lossOf(model, inputsOf(posed, shape(4)))], [alone.reduce((a, b) => a + b) / 4], {
        label: kind,
        tolerance: 1e-12,
      })
    })

    test(`${kind}: longer rows of padding, and examples that are not there, change nothing`, () => {
      const model = modelOf(kind)
      const posed = posedOf(kind, 3, C, 10)
      const plain = lossOf(model, inputsOf(posed, shape(3)))
      assertClose([lossOf(model, inputsOf(posed, shape(5, 12)))], [plain], { label: kind, tolerance: 1e-12 })
    })

    test(`${kind}: micro-batches add up, with dropout on`, () => {
      const config = { ...pair, dropout: 0.3, attentionDropout: 0.2 }
      const model = modelOf(kind, 'pooled', config, 0.2)
      const posed = posedOf(kind, 4, C, 10)
      const parts = [0, 2].map((from) => lossOf(model, inputsOf(posed, shape(2), from)))
      assertClose([parts[0]! + parts[1]!], [lossOf(model, inputsOf(posed, shape(4)))], {
        label: kind,
        tolerance: 1e-12,
      })
    })
  }

  test('control: without dropout the loss is another one', () => {
    const posed = posedOf('classification', 4, 1, 10)
    const at = { examples: 4, readings: 1, length: 10 }
    const dropped = modelOf('classification', 'pooled', { ...pair, dropout: 0.3, attentionDropout: 0.2 }, 0.2)
    assert.not.equal(lossOf(dropped, inputsOf(posed, at)), lossOf(modelOf('classification'), inputsOf(posed, at)))
  })

  test('a classification’s loss is -ln of the softmax of its scores at the target; SAN’s scores are logarithms already', () => {
    for (const answer of ['pooled', 'san'] as const) {
      const model = modelOf('classification', answer)
      const params = paramsOf(model)
      const posed = posedOf('classification', 3, 1, 10)
      const inputs = inputsOf(posed, { examples: 3, readings: 1, length: 10 })
      const scores = [...evaluateOne(scoresOf(model, model.tasks[0]!, params, inputs, null))]
      const losses = posed.map(({ target }, e) => {
        const own = scores.slice(3 * e, 3 * e + 3)
        const total = own.reduce((sum, s) => sum + Math.exp(s), 0)
        if (answer === 'san') assert.ok(Math.abs(total - 1) < 1e-12)
        return Math.log(total) - own[target]!
      })
      assertClose([lossOf(model, inputs, params)], [losses.reduce((a, b) => a + b) / 3], {
        label: answer,
        tolerance: 1e-12,
      })
    }
  })

  for (const kind of kinds)
    for (const settings of ['mode=adversarial,alpha=2,draws=same', 'mode=random,noise=seq'])
      test(`${kind}, ${settings}: micro-batches add up; the regulariser is there`, () => {
        const config = { ...pair, dropout: 0.3, attentionDropout: 0.2 }
        const model = modelOf(kind, 'pooled', config, 0.2)
        const C = readingsIn(kind)
        const posed = posedOf(kind, 4, C, 10)
        const robust = robustLoss(model, model.tasks[0]!, settings)
        const of = (inputs: TaskInputs): readonly number[] => {
          const { loss, metrics } = robust(paramsOf(model), inputs, keyOf(11))
          assert.equal(loss.aval.shape, [])
          return [...evaluateOne(loss), ...evaluateOne(metrics['pdr']!), ...evaluateOne(metrics[kind]!)]
        }
        const whole = of(inputsOf(posed, { examples: 4, readings: C, length: 10 }))
        const parts = [0, 2].map((from) => of(inputsOf(posed, { examples: 2, readings: C, length: 10 }, from)))
        assertClose(parts[0]!.map((x, i) => x + parts[1]![i]!), whole, { label: 'micro-batches', tolerance: 1e-9 }) // prettier-ignore
        assert.ok(whole[1]! > 0)
        const alpha = settings.includes('alpha=2') ? 2 : 1
        assertClose([whole[0]!], [whole[2]! + alpha * whole[1]!], { label: 'sum', tolerance: 1e-12 })
      })

  test('robustLoss: the task’s own term is taskLoss', () => {
    for (const kind of kinds) {
      const model = modelOf(kind)
      const C = readingsIn(kind)
      const inputs = inputsOf(posedOf(kind, 3, C, 10), { examples: 3, readings: C, length: 10 })
      const { metrics } = robustLoss(model, model.tasks[0]!, 'alpha=3')(paramsOf(model), inputs, keyOf(11))
      assertClose([...evaluateOne(metrics[kind]!)], [lossOf(model, inputs)], { label: kind, tolerance: 1e-12 })
    }
  })

  test('pose: a ranking has the right reading first and wrong ones of its own, each once, drawn anew', () =>
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 8 }),
        fc.integer({ min: 2, max: 5 }),
        fc.nat(100),
        (n, candidates, number) => {
          const readings = Array.from({ length: n }, (_, i) => reading(i, 4 + i))
          const rights = [0, n - 1].filter((r, i, all) => all.indexOf(r) === i && i < Math.max(1, n - 1))
          const example = { id: '0', readings, target: rights[0]!, rights }
          const posed = pose({ kind: 'ranking' }, example, candidates, 1, number)
          const places = posed.readings.map((r) => readings.indexOf(r as (typeof readings)[number]))
          assert.is(posed.target, 0)
          assert.ok(rights.includes(places[0]!))
          assert.is(new Set(places).size, places.length)
          assert.ok(places.slice(1).every((p) => !rights.includes(p)))
          assert.is(places.length, 1 + Math.min(candidates - 1, n - rights.length))
          assert.equal(pose({ kind: 'ranking' }, example, candidates, 1, number), posed)
        },
      ),
    ))
})
