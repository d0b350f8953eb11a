import { escapeHtml } from './escape'
import { fixed, whole } from './figures'
import type { TunedFigures } from './run-report'

/** What the model is worth for a task: beside it the same model without pretraining, and what is reached without a model. */
export const tunedSection = (tuned: TunedFigures | undefined): string => {
  if (tuned === undefined) return ''
  const { title, note, rows, trainRows, devRows } = tuned
  const line = ({ name, accuracy, macroF1 }: TunedFigures['rows'][number], isMain: boolean): string =>
    `<tr><th scope="row">${escapeHtml(name)}</th>
<td data-label="Accuracy"${isMain ? ' class="main"' : ''}>${fixed(accuracy)}</td><td data-label="Macro F1">${fixed(macroF1)}</td></tr>`
  return `<section aria-labelledby="tuned"><h2 id="tuned">${escapeHtml(title)}</h2>
<table class="figures"><thead><tr><th scope="col">Answered by</th><th scope="col">Accuracy</th><th scope="col">Macro F1</th></tr></thead>
<tbody>${rows.map((row, i) => line(row, i === rows.length - 1)).join('\n')}</tbody></table>
<p class="note">${escapeHtml(note)} ${whole(trainRows)} rows to train on, ${whole(devRows)} to answer.</p></section>`
}
