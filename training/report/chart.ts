import type { Drawn } from './points'

/** How a value is written on an axis and in a legend. */
export type Format = 'fixed' | 'percent' | 'significant' | 'count'

/** What a curve is, which decides how it is drawn. */
export type Kind =
  | 'raw' // thin and faint
  | 'line'
  | 'points' // held-out figures: dots
  | 'dotted' // dots joined by a line
  | 'level' // a dashed horizontal line

export interface Series {
  readonly label: string
  readonly kind: Kind
  readonly axis: 'left' | 'right'
  /** A colour of the page: `--series-0` and on, or `--level`. */
  readonly color: string
  readonly values: Drawn
}

export interface ChartAxis {
  readonly label: string
  readonly format: Format
}

/** Curves over the same steps. */
export interface Group {
  readonly steps: readonly number[]
  readonly series: readonly Series[]
}

/** One chart as plain data: the page carries it as JSON, and the client draws it. */
export interface Chart {
  readonly title: string
  /** What must be known to read it; may be empty. */
  readonly note: string
  readonly isWide: boolean
  readonly left: ChartAxis
  readonly right?: ChartAxis
  readonly groups: readonly Group[]
}
