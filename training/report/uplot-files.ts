import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

/** The charting library as text, to be put in the page, with the licence that must go with it. */
export interface UplotFiles {
  readonly script: string
  readonly style: string
  readonly licence: string
}

/** Reads the installed package. throws if it is not there: it is a dependency of ours. */
export const uplotFiles = (): UplotFiles => {
  const require = createRequire(import.meta.url)
  const read = (path: string): string => readFileSync(require.resolve(`uplot/${path}`), 'utf8').trim()
  return { script: read('dist/uPlot.iife.min.js'), style: read('dist/uPlot.min.css'), licence: read('LICENSE') }
}
