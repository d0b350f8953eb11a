/** What one run came to: figures by name; one that it has not is left out. */
export type RunFigures = { readonly [figure: string]: number }

/** A figure over the seeds of a variant. */
export interface Spread {
  readonly values: readonly number[]
  readonly mean: number
  /** Sample standard deviation; undefined of one value. */
  readonly deviation: number | undefined
}

export interface VariantSummary {
  readonly variant: string
  readonly figures: { readonly [figure: string]: Spread }
  /** Each figure less the first variant's of the same seed. */
  readonly differences: { readonly [figure: string]: Spread }
}

export const spreadOf = (values: readonly number[]): Spread => {
  const mean = values.reduce((s, x) => s + x, 0) / values.length
  const squares = values.reduce((s, x) => s + (x - mean) ** 2, 0)
  return { values, mean, deviation: values.length > 1 ? Math.sqrt(squares / (values.length - 1)) : undefined }
}

/** Variants in their order, each over the seeds; figures in the order they first occur. `runs`: by variant, then by seed. */
export const summarize = (runs: ReadonlyMap<string, ReadonlyMap<number, RunFigures>>): readonly VariantSummary[] => {
  const [first] = [...runs.values()]
  const names = [
    ...new Set([...runs.values()].flatMap((bySeed) => [...bySeed.values()].flatMap((f) => Object.keys(f)))),
  ]
  return [...runs].map(([variant, bySeed]) => {
    const own = (figure: string): readonly (readonly [number, number])[] =>
      [...bySeed].flatMap(([seed, f]) => (f[figure] === undefined ? [] : [[seed, f[figure]] as const]))
    const present = names.filter((figure) => own(figure).length > 0)
    const beside = (figure: string): readonly number[] =>
      own(figure).flatMap(([seed, x]) => {
        const other = first!.get(seed)?.[figure]
        return other === undefined ? [] : [x - other]
      })
    const shared = present.filter((figure) => beside(figure).length > 0)
    return {
      variant,
      figures: Object.fromEntries(present.map((figure) => [figure, spreadOf(own(figure).map(([, x]) => x))])),
      differences: Object.fromEntries(shared.map((figure) => [figure, spreadOf(beside(figure))])),
    }
  })
}

/** `3.644 ± 0.012`. */
export const showSpread = (spread: Spread | undefined): string =>
  spread === undefined
    ? '-'
    : `${digits(spread.mean)}${spread.deviation === undefined ? '' : ` ± ${digits(spread.deviation)}`}`

const digits = (x: number): string => (Math.abs(x) >= 100 ? x.toFixed(0) : x.toFixed(3))

/** Figures of a summary, in order. */
export const figuresOf = (summary: readonly VariantSummary[]): readonly string[] => [
  ...new Set(summary.flatMap((s) => Object.keys(s.figures))),
]

/** A table in Markdown: a row a variant, a column a figure. */
export const tableOf = (summary: readonly VariantSummary[]): string => {
  const figures = figuresOf(summary)
  const rows = [
    ['variant', ...figures],
    ...summary.map((s) => [s.variant, ...figures.map((f) => showSpread(s.figures[f]))]),
  ]
  const widths = rows[0]!.map((_, c) => Math.max(...rows.map((row) => row[c]!.length)))
  const line = (cells: readonly string[]): string => `| ${cells.map((x, c) => x.padEnd(widths[c]!)).join(' | ')} |`
  const [head, ...body] = rows.map(line)
  return [head, `| ${widths.map((w) => '-'.repeat(w)).join(' | ')} |`, ...body].join('\n')
}
