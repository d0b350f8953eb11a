import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import { div, expandDims, input, iota, lt, mul, cast, reshape, sum, take } from '../../core'
import type { Device, Program } from '../../kernels'
import { mainHidden, mainTable, parameterAvals, type PairConfig, type PairParams } from '../../models'
import type { Tokenizer } from '../data/tokenizer/tokenizer'
import { idRows } from '../id-rows'
import { prepare, uploadAll, type RunFault, type Values } from '../runner'
import { holes } from '../step'
import { fitLinear } from './fit'
import type { Example } from './read-task'

export interface ProbeResult {
  /** Share of the dev examples whose class is found. */
  readonly accuracy: number
  /** That of the most frequent class. */
  readonly majority: number
  readonly trained: number
  readonly tried: number
}

export interface ProbeSpec {
  readonly device: Device
  readonly config: PairConfig
  readonly tokenizer: Tokenizer
  /** Rows that are computed at once. */
  readonly batch: number
}

/**
 * How much of a task lies in a main model as it is: a linear classifier on the mean of its last hidden states, which are left as they are
 * (Alain and Bengio 2017, arXiv:1610.01644).
 */
export const probe =
  (
    spec: ProbeSpec,
    params: Values,
    train: readonly Example[],
    dev: readonly Example[],
  ): TE.TaskEither<RunFault, ProbeResult> =>
  async () => {
    const classes = [...new Set(train.map((e) => e.label))].sort()
    const [own, other] = [await featuresOf(spec, params, train)(), await featuresOf(spec, params, dev)()]
    if (E.isLeft(own)) return own
    if (E.isLeft(other)) return other
    const labels = Int32Array.from(train, (e) => classes.indexOf(e.label))
    const classify = fitLinear({ features: own.right, labels, width: spec.config.hidden, classes: classes.length })
    const found = classify(other.right)
    const share = (of: (example: Example, i: number) => boolean): number => dev.filter(of).length / dev.length
    const counts = classes.map((c) => train.filter((e) => e.label === c).length)
    const commonest = classes[counts.indexOf(Math.max(...counts))]
    return E.right({
      accuracy: share((e, i) => classes[found[i]!] === e.label),
      majority: share((e) => e.label === commonest),
      trained: train.length,
      tried: dev.length,
    })
  }

/** Mean of the last hidden states over the tokens of each text, f64[N, D]. */
const featuresOf =
  (spec: ProbeSpec, params: Values, examples: readonly Example[]): TE.TaskEither<RunFault, Float64Array> =>
  async () => {
    const { device, config, tokenizer, batch: B } = spec
    const { maxLength: T, hidden: D } = config
    const runner = await prepare(device, () => featureProgram(config, B, T))()
    if (E.isLeft(runner)) return runner
    const { cls, sep } = tokenizer.specials
    const rows = examples.map(({ text }) => [cls!, ...tokenizer.encode(text).subarray(0, T - 2), sep!])
    const out = new Float64Array(examples.length * D)
    for (let from = 0; from < rows.length; from += B) {
      const part = rows.slice(from, from + B)
      const values = await uploadAll(device, idRows(part, B, T))()
      if (E.isLeft(values)) return values
      const done = await runner.right.run(new Map([...params, ...values.right]))()
      if (E.isLeft(done)) return done
      const features = await device.read(done.right.get('features')!)()
      device.free([...done.right.values()])
      if (E.isLeft(features)) return features
      out.set(features.right.subarray(0, part.length * D), from * D)
    }
    runner.right.dispose()
    return E.right(out)
  }

const featureProgram = (config: PairConfig, B: number, T: number): Program => {
  const params = holes('params', parameterAvals(config)) as PairParams
  const lengths = reshape(input('lengths', [B], 'i32'), [B, 1])
  const isToken = lt(iota([B, T], 1), lengths)
  const hidden = mainHidden(config, params, take(mainTable(params), input('ids', [B, T], 'i32')), null, isToken)
  const total = sum(mul(hidden, expandDims(cast(isToken, 'f32'), 2)), 1) // [B, D]
  return {
    outputs: [{ name: 'features', value: div(total, cast(lengths, 'f32')) }],
    donated: ['ids', 'lengths'],
  }
}
