import type UPlot from 'uplot'
import type { BrowserElement, BrowserWindow } from './browser'
import type { Chart, ChartAxis, Format, Series } from './chart'

/**
 * Draws the charts into the elements `chart-0`, `chart-1`, ... This function's own source text is put in the page (see
 * `script.ts`), so it names nothing but its arguments and what JavaScript itself has.
 */
export const drawCharts = (page: BrowserWindow, uPlot: typeof UPlot, charts: readonly Chart[]): void => {
  const root = page.document.documentElement
  const printedWidth = 660
  const minus = (text: string): string => text.replace('-', '\u2212')
  const scientific = (value: number): string => {
    const size = Math.abs(value)
    if (value === 0 || (size >= 1e-4 && size < 1e6)) return String(Number(value.toPrecision(4)))
    const [digits, power] = value.toExponential(2).split('e') as [string, string]
    return `${Number(digits)}e${power.replace('+', '')}`
  }
  const written: Record<Format, (value: number) => string> = {
    fixed: (value) => minus(value.toFixed(3)),
    percent: (value) => `${(100 * value).toFixed(1)}%`,
    significant: (value) => minus(scientific(value)),
    count: (value) => String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, '\u202f'),
  }
  const ticks: Record<Format, (value: number) => string> = {
    fixed: (value) => minus(String(Number(value.toPrecision(6)))),
    percent: (value) => `${Number((100 * value).toPrecision(4))}%`,
    significant: written.significant,
    count: written.count,
  }
  /** The nearest index with a value of its own; curves of one chart have different steps, and `undefined` marks those of others. */
  const nearest = (values: ArrayLike<number | null | undefined>, index: number): number => {
    for (let away = 0; away < values.length; away++) {
      if (values[index - away] !== undefined) return index - away
      if (values[index + away] !== undefined) return index + away
    }
    return index
  }
  const lastFinite = (values: Series['values']): number =>
    values.reduce((last: number, v, i) => (v === null ? last : i), -1)

  const build = (chart: Chart, host: BrowserElement, width: number): UPlot => {
    const style = page.getComputedStyle(root)
    const color = (name: string): string => style.getPropertyValue(name).trim()
    const [ink, faint, paper] = [color('--muted'), color('--grid'), color('--card')]
    const font = `12px ${style.fontFamily}`
    const axisOf = (series: Series): ChartAxis => (series.axis === 'right' ? (chart.right ?? chart.left) : chart.left)

    const drawn = chart.groups.flatMap((group) => group.series)
    const line = (series: Series, steps: readonly number[]): UPlot.Series => {
      const { kind, values } = series
      const stroke = color(series.color)
      const write = written[axisOf(series).format]
      const last = lastFinite(values)
      const isAlone = values.length === 1 // a point, for there is no line
      const isSparse = kind === 'points' || kind === 'dotted'
      const at = (value: number, step: number): string =>
        isSparse ? `${write(value)} (step ${written.count(step)})` : write(value)
      return {
        label: series.label,
        class: `is-${kind}`,
        scale: series.axis,
        stroke,
        width: kind === 'line' || kind === 'dotted' ? 2 : kind === 'points' ? 0 : kind === 'level' ? 1.5 : 1,
        alpha: kind === 'raw' && !isAlone ? 0.35 : 1,
        ...(kind === 'level' ? { dash: series.color === '--level' ? [2, 4] : [8, 5] } : {}),
        ...(kind === 'points' ? { paths: () => null } : {}),
        points: isSparse
          ? { show: true, size: 8, width: 2, stroke, fill: kind === 'points' ? paper : stroke }
          : kind === 'raw'
            ? { size: 5, space: 12, fill: stroke }
            : { show: isAlone, size: 5, fill: stroke },
        value: (plot, value: number | null | undefined, _series, index) => {
          if (kind === 'level') return write(values[0]!)
          if (index === null) return last < 0 ? '—' : at(values[last]!, steps[last]!)
          return value === null || value === undefined ? '—' : at(value, plot.data[0][index]!)
        },
      }
    }
    const axis = (scale: 'left' | 'right', spec: ChartAxis): UPlot.Axis => {
      const onLeft: UPlot.Axis = {
        scale,
        label: spec.label,
        labelSize: 20,
        labelFont: font,
        font,
        stroke: ink,
        gap: 6,
        size: (_plot, values) => 14 + 7 * Math.max(3, ...(values ?? []).map((text) => text.length)),
        values: (_plot, splits) => splits.map(ticks[spec.format]),
        grid: { show: scale === 'left', stroke: faint, width: 1 },
        ticks: { show: false },
      }
      return scale === 'left' ? onLeft : Object.assign(onLeft, { side: 1 }) // uPlot counts sides from the top, clockwise
    }
    const powers = [1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8]
    const options: UPlot.Options = {
      width,
      height: Math.round(Math.min(chart.isWide ? 380 : 260, Math.max(220, width * 0.6))),
      padding: [10, chart.right === undefined ? 26 : 0, 0, 0],
      scales: {
        x: { time: false },
        left: { range: { min: { pad: 0.06, soft: 0, mode: 3 }, max: { pad: 0.06 } } },
        right: { range: { min: { pad: 0.06, soft: 0, mode: 3 }, max: { pad: 0.06 } } },
      },
      axes: [
        {
          label: 'step',
          labelSize: 18,
          labelFont: font,
          labelGap: 0,
          font,
          stroke: ink,
          gap: 6,
          size: 28,
          space: 64,
          incrs: powers.flatMap((p) => [p, 2 * p, 5 * p]),
          values: (_plot, splits) => splits.map((v) => written.count(v)),
          grid: { show: false },
          ticks: { stroke: faint, size: 4 },
        },
        axis('left', chart.left),
        ...(chart.right === undefined ? [] : [axis('right', chart.right)]),
      ],
      series: [
        { label: 'step', value: (_plot, value: number | null) => (value === null ? 'last' : written.count(value)) },
        ...chart.groups.flatMap((group) => group.series.map((series) => line(series, group.steps))),
      ],
      cursor: {
        sync: { key: 'steps', scales: ['x', null] },
        dataIdx: (plot, series, index) => (series === 0 ? index : nearest(plot.data[series]!, index)),
        points: { size: 7 },
        y: false,
      },
      legend: {
        markers: {
          width: 2,
          fill: () => 'transparent',
          dash: (_plot: UPlot, index: number) => {
            const { kind, color: name } = drawn[index - 1]!
            return kind !== 'level' ? 'solid' : name === '--level' ? 'dotted' : 'dashed'
          },
        },
      },
    }
    const tables = chart.groups.map((group): UPlot.AlignedData => [
      [...group.steps],
      ...group.series.map((series) => [...series.values]),
    ])
    return new uPlot(options, uPlot.join(tables), host)
  }

  let plots: readonly UPlot[] = []
  const hosts = charts.map((_chart, i) => page.document.getElementById(`chart-${i}`)!)
  const draw = (): void => {
    const isPrinted = root.dataset['scheme'] === 'light'
    plots.forEach((plot) => plot.destroy())
    plots = charts.map((chart, i) => {
      hosts[i]!.replaceChildren()
      return build(chart, hosts[i]!, isPrinted ? printedWidth : hosts[i]!.clientWidth)
    })
  }
  /** Dark ink for paper, whatever the screen's scheme. */
  const print = (isPrinted: boolean): void => {
    if (isPrinted) root.dataset['scheme'] = 'light'
    else delete root.dataset['scheme']
    draw()
  }
  let isResizing = false
  page.addEventListener('resize', () => {
    if (isResizing) return
    isResizing = true
    page.requestAnimationFrame(() => {
      isResizing = false
      if (plots.some((plot, i) => plot.width !== hosts[i]!.clientWidth)) draw()
    })
  })
  page.addEventListener('beforeprint', () => print(true))
  page.addEventListener('afterprint', () => print(false))
  page.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw)
  draw()
}
