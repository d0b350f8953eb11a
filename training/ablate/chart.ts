import { escapeHtml } from '../report/escape'
import { figuresOf, showSpread, type Spread, type VariantSummary } from './summary'

const panel = { width: 260, gap: 28, label: 130, row: 24, top: 4 }
/** Panels next to each other; the rest begins a line of its own. */
const perLine = 3
const titleHeight = 32

/** One panel a figure: a row a variant, its values as dots, their mean as a line with an error bar of one standard deviation to each side. */
export const ablationSvg = (summary: readonly VariantSummary[], title: string): string => {
  const figures = figuresOf(summary)
  const columns = Math.min(perLine, figures.length)
  const lineHeight = panel.top + 30 + summary.length * panel.row + 34
  const width = panel.label + columns * (panel.width + panel.gap)
  const height = titleHeight + Math.ceil(figures.length / perLine) * lineHeight
  const names = summary.map(({ variant }, i) => text(panel.label - 12, rowAt(i) + 4, variant, 'end'))
  const lines = Array.from({ length: Math.ceil(figures.length / perLine) }, (_, line) => [
    `<g transform="translate(0, ${titleHeight + line * lineHeight})">`,
    ...names,
    ...figures.slice(line * perLine, (line + 1) * perLine).map((figure, f) =>
      panelOf(
        figure,
        summary.map((s) => s.figures[figure]),
        panel.label + f * (panel.width + panel.gap),
      ),
    ),
    '</g>',
  ])
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="${width}" height="${height}" fill="white"/>`,
    text(12, 20, title, 'start', 'font-weight="bold"'),
    ...lines.flat(),
    '</svg>',
    '',
  ].join('\n')
}

const rowAt = (i: number): number => panel.top + 30 + i * panel.row + panel.row / 2

const panelOf = (figure: string, spreads: readonly (Spread | undefined)[], left: number): string => {
  const all = spreads.flatMap((s) =>
    s === undefined ? [] : [...s.values, s.mean - (s.deviation ?? 0), s.mean + (s.deviation ?? 0)],
  )
  const [low, high] = [Math.min(...all), Math.max(...all)]
  const margin = (high - low || Math.abs(high) || 1) * 0.08
  const x = (value: number): number => left + ((value - low + margin) / (high - low + 2 * margin)) * panel.width
  const bottom = panel.top + 30 + spreads.length * panel.row
  const marks = spreads.flatMap((s, i) => {
    if (s === undefined) return []
    const y = rowAt(i)
    const reach = s.deviation ?? 0
    return [
      `<g><title>${escapeHtml(`${figure}: ${showSpread(s)}`)}</title>`,
      `<line x1="${at(x(s.mean - reach))}" x2="${at(x(s.mean + reach))}" y1="${y}" y2="${y}" stroke="#1f77b4" stroke-width="2"/>`,
      `<line x1="${at(x(s.mean))}" x2="${at(x(s.mean))}" y1="${y - 7}" y2="${y + 7}" stroke="#1f77b4" stroke-width="2"/>`,
      ...s.values.map((v) => `<circle cx="${at(x(v))}" cy="${y}" r="3" fill="#1f77b4" fill-opacity="0.45"/>`),
      '</g>',
    ]
  })
  const ticks = [low, (low + high) / 2, high].map((v) => text(x(v), bottom + 16, v.toPrecision(4), 'middle'))
  return [
    text(left, panel.top + 20, figure, 'start', 'font-weight="bold"'),
    `<rect x="${left}" y="${panel.top + 28}" width="${panel.width}" height="${bottom - panel.top - 28}" fill="none" stroke="#bbb"/>`,
    ...marks,
    ...ticks,
  ].join('\n')
}

const at = (x: number): string => x.toFixed(1)

const text = (x: number, y: number, s: string, anchor: 'start' | 'middle' | 'end', more = ''): string =>
  `<text x="${at(x)}" y="${at(y)}" text-anchor="${anchor}" ${more}>${escapeHtml(s)}</text>`
