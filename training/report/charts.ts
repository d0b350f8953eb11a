import type { StepRecord } from '../loop'
import type { Chart, ChartAxis, Group, Series } from './chart'
import { drawn, smoothed, thinning } from './points'
import { untrainedAndTrained, type RunReport } from './run-report'

/** Points of one curve, at most. */
const pointLimit = 1200

/** Every chart of the page, in its order. A chart that would show nothing is left out. */
export const chartsOf = (report: RunReport): readonly Chart[] => {
  const drawing = drawingOf(report)
  const named = new Set([...languageMetrics, ...detectionMetrics])
  const own = metricNames(report).filter((name) => !named.has(name))
  return [
    languageChart(drawing),
    detectionChart(drawing),
    aucChart(report),
    ...own.map((name) => metricChart(drawing, name)),
    lossChart(drawing),
    optimizerChart(drawing),
    ...(report.records.some((r) => r.lossScale !== 1) ? [scaleChart(drawing)] : []),
    speedChart(drawing),
  ]
    .map(withoutEmpty)
    .filter((chart) => chart.groups.some((group) => group.series.some((series) => series.kind !== 'level')))
}

/** Without the curves that have no point, and without an axis that no curve is left on. */
const withoutEmpty = ({ right, ...chart }: Chart): Chart => {
  const hasPoint = ({ values }: Series): boolean => values.some((value) => value !== null)
  const groups = chart.groups
    .map((group) => ({ ...group, series: group.series.filter(hasPoint) }))
    .filter((group) => group.series.length > 0)
  const hasRight = groups.some((group) => group.series.some((series) => series.axis === 'right'))
  return { ...chart, groups, ...(right !== undefined && hasRight ? { right } : {}) }
}

const languageMetrics: readonly string[] = ['mlm', 'clm']
const detectionMetrics: readonly string[] = ['rtd', 'replaced']

/** Names of the objective's terms, in the order they first occur. */
export const metricNames = ({ records, heldOut }: RunReport): readonly string[] => {
  const all = [...records.map((r) => r.metrics), ...heldOut.map((h) => h.evaluation.metrics)]
  return [...new Set(all.flatMap((metrics) => Object.keys(metrics)))].filter((name) => name !== 'loss')
}

/** How the curves of one report are made: all over the same thinned steps. */
interface Drawing {
  readonly report: RunReport
  readonly steps: readonly number[]
  readonly raw: (look: Look, of: (record: StepRecord) => number | undefined) => Series
  readonly smooth: (look: Look, of: (record: StepRecord) => number | undefined) => Series
  readonly exact: (look: Look, of: (record: StepRecord) => number | undefined) => Series
  readonly heldOut: (look: Look, name: string) => Group
  /** Says how many steps a point stands for, and how many values could not be drawn. */
  readonly note: (text: string, ...of: readonly ((record: StepRecord) => number | undefined)[]) => string
}

type Look = Pick<Series, 'label' | 'axis' | 'color'>

const drawingOf = (report: RunReport): Drawing => {
  const { records } = report
  const thin = thinning(records.length, pointLimit)
  const valuesOf = (of: (record: StepRecord) => number | undefined) => records.map((r) => of(r) ?? NaN)
  const window = Math.max(1, records.length / 80)
  return {
    report,
    steps: thin.ends(records.map((r) => r.step)),
    raw: (look, of) => ({ ...look, kind: 'raw', values: drawn(thin.extremes(valuesOf(of))) }),
    smooth: (look, of) => ({ ...look, kind: 'line', values: drawn(thin.ends(smoothed(valuesOf(of), window))) }),
    exact: (look, of) => ({ ...look, kind: 'line', values: drawn(thin.ends(valuesOf(of))) }),
    heldOut: (look, name) => ({
      steps: report.heldOut.map((h) => h.step),
      series: [
        { ...look, kind: 'points', values: drawn(report.heldOut.map((h) => h.evaluation.metrics[name] ?? NaN)) },
      ],
    }),
    note: (text, ...of) => {
      const gaps = records.filter((r) => of.some((f) => f(r) !== undefined && !Number.isFinite(f(r)))).length
      return [
        text,
        thin.size > 1 ? `Drawn as the lowest and the highest of every ${thin.size} steps.` : '',
        gaps > 0 ? `Not finite, and not drawn, at ${gaps} of ${records.length} steps.` : '',
      ]
        .filter((part) => part !== '')
        .join(' ')
    },
  }
}

const metric =
  (name: string) =>
  (record: StepRecord): number | undefined =>
    record.metrics[name]

/** A faint curve of every step below its running average. */
const pair = (d: Drawing, name: string, color: string, of: (r: StepRecord) => number | undefined): Group => ({
  steps: d.steps,
  series: [
    d.raw({ label: `${name}, each step`, axis: 'left', color }, of),
    d.smooth({ label: `${name}, smoothed`, axis: 'left', color }, of),
  ],
})

/** A horizontal line across all steps of the run; none where there is no such figure. */
const level = (report: RunReport, label: string, color: string, value: number | undefined): readonly Group[] => {
  const all = [...report.records, ...report.heldOut].map((at) => at.step)
  if (value === undefined || !Number.isFinite(value) || all.length === 0) return []
  const ends = all.reduce<[number, number]>(
    ([low, high], step) => [Math.min(low, step), Math.max(high, step)],
    [Infinity, 0],
  )
  return [{ steps: ends, series: [{ label, kind: 'level', axis: 'left', color, values: drawn([value, value]) }] }]
}

const languageChart = (d: Drawing): Chart => {
  const { untrained } = untrainedAndTrained(d.report)
  const present = metricNames(d.report).filter((name) => languageMetrics.includes(name))
  const looks = present.map((name) => ({ name, label: name.toUpperCase(), color: seriesColor(name) }))
  return {
    title: 'Language losses',
    note: d.note(
      'MLM: the auxiliary restores masked tokens. CLM: the main model restores them from the corrupted text. ' +
        'Held-out losses are without dropout.',
      ...present.map(metric),
    ),
    isWide: true,
    left: { label: 'nats per masked token', format: 'fixed' },
    groups: [
      ...looks.map(({ name, label, color }) => pair(d, label, color, metric(name))),
      ...looks.map(({ name, label, color }) => d.heldOut({ label: `${label}, held-out`, axis: 'left', color }, name)),
      ...looks.flatMap(({ name, label, color }) =>
        level(d.report, `${label}, untrained`, color, untrained?.metrics[name]),
      ),
      ...level(d.report, 'unigram entropy', '--level', d.report.baselines?.unigramEntropy),
    ],
  }
}

/** One colour to one meaning in all charts. */
const seriesColor = (name: string): string => {
  const at = [...languageMetrics, ...detectionMetrics].indexOf(name)
  return `--series-${at < 0 ? 4 : at}`
}

const share: ChartAxis = { label: 'tokens replaced', format: 'percent' }

const detectionChart = (d: Drawing): Chart => {
  const replaced: Look = { label: 'tokens replaced', axis: 'right', color: seriesColor('replaced') }
  const present = metricNames(d.report)
  const both = { steps: d.steps, series: [d.smooth(replaced, metric('replaced'))] }
  return {
    title: 'Detection loss',
    note: d.note(
      'Cross-entropy of “is this token the original?”, beside the share of tokens that the auxiliary replaced.',
      ...detectionMetrics.map(metric),
    ),
    isWide: false,
    left: { label: 'nats per token', format: 'fixed' },
    ...(present.includes('replaced') ? { right: share } : {}),
    groups: [
      ...(present.includes('rtd')
        ? [
            pair(d, 'RTD', seriesColor('rtd'), metric('rtd')),
            d.heldOut({ label: 'RTD, held-out', axis: 'left', color: seriesColor('rtd') }, 'rtd'),
          ]
        : []),
      ...(present.includes('replaced') ? [both] : []),
    ],
  }
}

const aucChart = (report: RunReport): Chart => {
  const { heldOut, baselines } = report
  const curve = (label: string, color: string, of: (h: (typeof heldOut)[number]) => number | undefined): Series => ({
    label,
    kind: 'dotted',
    axis: 'left',
    color,
    values: drawn(heldOut.map((h) => of(h) ?? NaN)),
  })
  return {
    title: 'Detection on held-out text',
    note: 'The fixed corruption was made by no model of ours. The model’s own becomes harder as the auxiliary learns. 0.5 is chance.',
    isWide: false,
    left: { label: 'ROC AUC', format: 'fixed' },
    groups: [
      {
        steps: heldOut.map((h) => h.step),
        series: [
          curve('fixed corruption', seriesColor('rtd'), (h) => h.evaluation.detection),
          curve('own corruption', seriesColor('replaced'), (h) => h.evaluation.ownDetection),
        ],
      },
      ...level(report, 'token frequency alone', '--level', baselines?.frequencyDetection),
    ],
  }
}

/** A term of a user's own objective: its unit is not known here. */
const metricChart = (d: Drawing, name: string): Chart => ({
  title: name,
  note: d.note('', metric(name)),
  isWide: false,
  left: { label: name, format: 'significant' },
  groups: [
    pair(d, name, seriesColor(name), metric(name)),
    d.heldOut({ label: `${name}, held-out`, axis: 'left', color: seriesColor(name) }, name),
  ],
})

const lossChart = (d: Drawing): Chart => {
  const color = '--series-4'
  return {
    title: 'Training objective',
    note: d.note('The weighted sum that is minimised.', (r) => r.loss),
    isWide: false,
    left: { label: 'loss', format: 'significant' },
    groups: [
      pair(d, 'loss', color, (r) => r.loss),
      d.heldOut({ label: 'loss, held-out', axis: 'left', color }, 'loss'),
    ],
  }
}

const optimizerChart = (d: Drawing): Chart => ({
  title: 'Gradient norm and learning rate',
  note: d.note('The norm is of the whole gradient, before clipping.', (r) => r.gradNorm),
  isWide: false,
  left: { label: 'gradient norm', format: 'significant' },
  right: { label: 'learning rate', format: 'significant' },
  groups: [
    pair(d, 'norm', '--series-0', (r) => r.gradNorm),
    { steps: d.steps, series: [d.exact({ label: 'learning rate', axis: 'right', color: '--series-1' }, (r) => r.lr)] },
  ],
})

const scaleChart = (d: Drawing): Chart => {
  const skipped = d.report.records.filter((r) => r.skipped)
  const log2Scale = (r: StepRecord): number => Math.log2(r.lossScale)
  const overflows: Series = {
    label: 'skipped',
    kind: 'points',
    axis: 'left',
    color: '--level',
    values: drawn(skipped.map(log2Scale)),
  }
  return {
    title: 'Loss scale',
    note: d.note(`Gradients overflowed at ${skipped.length} of ${d.report.records.length} steps, which were skipped.`),
    isWide: false,
    left: { label: 'log2 of the scale', format: 'significant' },
    groups: [
      { steps: d.steps, series: [d.exact({ label: 'loss scale', axis: 'left', color: '--series-1' }, log2Scale)] },
      { steps: skipped.map((r) => r.step), series: [overflows] },
    ],
  }
}

const speedChart = (d: Drawing): Chart => ({
  title: 'Speed',
  note: d.note('Wall-clock time of the step, its batch’s upload included.', (r) => r.tokensPerSecond),
  isWide: false,
  left: { label: 'tokens per second', format: 'count' },
  groups: [pair(d, 'speed', '--series-2', (r) => r.tokensPerSecond)],
})
