import type { Chart } from './chart'
import { drawCharts } from './client'
import { scriptJson } from './escape'
import type { UplotFiles } from './uplot-files'

/** Id of the element that holds the charts as JSON. */
const dataId = 'charts'

export const chartData = (charts: readonly Chart[]): string =>
  `<script type="application/json" id="${dataId}">${scriptJson(charts)}</script>`

/** The page's only script: uPlot under its licence, and `drawCharts` as source text. */
export const pageScript = ({ script, licence }: UplotFiles): string =>
  [
    `/*\n${licence.replaceAll('*/', '* /')}\n*/`,
    script,
    ';(() => {',
    'const __name = (f) => f', // some compilers wrap every function in a call of this name, to keep its own
    `;(${drawCharts.toString()})(window, uPlot, JSON.parse(document.getElementById('${dataId}').textContent))`,
    '})()',
  ].join('\n')
