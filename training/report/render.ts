import { createHash } from 'node:crypto'
import type { Chart } from './chart'
import { chartsOf } from './charts'
import { correctionsSection } from './corrections'
import { escapeHtml } from './escape'
import { headline, summary } from './headline'
import type { RunReport } from './run-report'
import { tunedSection } from './tuned'
import { chartData, pageScript } from './script'
import { pageStyle } from './style'
import { uplotFiles } from './uplot-files'

/**
 * The whole page of a run: one HTML file that holds its style, its script and its data, and asks for nothing else. Its own
 * policy forbids every request, and every script but the one written here.
 * throws  RangeError if the labels of a correction do not fit its tokens
 */
export const renderReport = (unordered: RunReport): string => {
  const report = inOrder(unordered)
  const files = uplotFiles()
  const charts = chartsOf(report)
  const script = `\n${pageScript(files)}\n`
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy(script)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(report.title)}</title>
<style>${files.style}${pageStyle}</style>
</head>
<body>
<header><h1>${escapeHtml(report.title)}</h1>
<p class="lead">${summary(report)}</p>
<p class="backend">${escapeHtml(`${report.backend.name}: ${report.backend.detail}`)}</p>
${settings(report.settings)}</header>
<main>
${headline(report)}
${tunedSection(report.tuned)}
${chartsSection(charts)}
${correctionsSection(report.corrections)}
</main>
<footer>Written by emend. Charts drawn with uPlot (MIT licence).</footer>
${chartData(charts)}
<script>${script}</script>
</body>
</html>
`
}

const inOrder = (report: RunReport): RunReport => ({
  ...report,
  records: [...report.records].sort((a, b) => a.step - b.step),
  heldOut: [...report.heldOut].sort((a, b) => a.step - b.step),
})

const policy = (script: string): string => {
  const hash = createHash('sha256').update(script).digest('base64')
  return `default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-${hash}'`
}

const settings = (pairs: RunReport['settings']): string =>
  pairs.length === 0
    ? ''
    : `<dl class="settings">${pairs
        .map(([name, value]) => `<div><dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)}</dd></div>`)
        .join('')}</dl>`

const chartsSection = (charts: readonly Chart[]): string => {
  if (charts.length === 0) return ''
  // Two in a row; one left over at the end has the row to itself.
  const isOdd = charts.filter((chart) => !chart.isWide).length % 2 === 1
  const figures = charts.map((chart, i) => figure(chart, i, chart.isWide || (isOdd && i === charts.length - 1)))
  return `<section aria-labelledby="charts-title"><h2 id="charts-title">Training</h2>
<p class="note">Figures in a legend are of the step under the pointer, or of the last. Drag across a chart to look closer, double-click to
return; press a name in a legend to hide its curve.</p>
<noscript><p class="note">The charts are drawn by a script of this page, which this browser does not run.</p></noscript>
<div class="charts">${figures.join('\n')}</div></section>`
}

const figure = (chart: Chart, index: number, isWide: boolean): string =>
  `<figure${isWide ? ' class="wide"' : ''}><figcaption><h3>${escapeHtml(chart.title)}</h3>${
    chart.note === '' ? '' : `<p class="note">${escapeHtml(chart.note)}</p>`
  }</figcaption><div class="plot" id="chart-${index}"></div></figure>`
