import type { Evaluation } from '../pretrain/evaluate'
import { metricNames } from './charts'
import { escapeHtml } from './escape'
import { difference, fixed, whole } from './figures'
import { untrainedAndTrained, type RunReport } from './run-report'

/** One line of the table of held-out figures. */
interface Row {
  readonly name: string
  readonly unit: string
  readonly of: (evaluation: Evaluation) => number | undefined
  /** What is reached without a model, in words and as a number. */
  readonly without?: readonly [name: string, value: number | undefined]
}

const knownMetrics: Readonly<Record<string, readonly [name: string, unit: string]>> = {
  mlm: ['MLM loss, auxiliary', 'nats per masked token'],
  clm: ['CLM loss, main model', 'nats per masked token'],
  rtd: ['Detection loss', 'nats per token'],
  allTokens: ['Loss of all tokens, main model', 'nats per token'],
}

const rowsOf = (report: RunReport): readonly Row[] => {
  const { baselines } = report
  const entropy = ['unigram entropy', baselines?.unigramEntropy] as const
  const losses = metricNames(report)
    .filter((name) => name !== 'replaced' && report.heldOut.some((h) => h.evaluation.metrics[name] !== undefined))
    .map((name): Row => {
      const [label, unit] = knownMetrics[name] ?? [name, 'as the objective defines it']
      const isLanguage = name === 'mlm' || name === 'clm'
      return { name: label, unit, of: (e) => e.metrics[name], ...(isLanguage ? { without: entropy } : {}) }
    })
  const detection: readonly Row[] = [
    {
      name: 'Detection, fixed corruption',
      unit: 'ROC AUC',
      of: (e) => e.detection,
      without: ['token frequency alone', baselines?.frequencyDetection],
    },
    { name: 'Detection, own corruption', unit: 'ROC AUC; see the note', of: (e) => e.ownDetection },
  ]
  return [...losses, ...detection]
}

/** Held-out figures, untrained and trained, beside what is reached without a model. */
export const headline = (report: RunReport): string => {
  if (report.heldOut.length === 0) return ''
  const { untrained, trained } = untrainedAndTrained(report)
  const figure = (row: Row, evaluation: Evaluation | undefined): number | undefined => evaluation && row.of(evaluation)
  const line = (row: Row): string => {
    const [from, to] = [figure(row, untrained), figure(row, trained)]
    const without = row.without === undefined ? '–' : `${fixed(row.without[1])} <small>${row.without[0]}</small>`
    return `<tr><th scope="row">${escapeHtml(row.name)} <small>${row.unit}</small></th>
<td data-label="Untrained">${fixed(from)}</td><td data-label="Trained" class="main">${fixed(to)}</td>
<td data-label="Change">${difference(from, to)}</td><td data-label="Without a model">${without}</td></tr>`
  }
  const { baselines } = report
  const tokens =
    baselines === undefined
      ? 'held-out tokens'
      : `${whole(baselines.corruptedTokens)} of ${whole(baselines.heldOutTokens)} held-out tokens,`
  return `<section aria-labelledby="held-out"><h2 id="held-out">Held-out text</h2>
<table class="figures"><thead><tr><th scope="col">Figure</th><th scope="col">Untrained</th><th scope="col">Trained</th>
<th scope="col">Change</th><th scope="col">Without a model</th></tr></thead>
<tbody>${rowsOf(report).map(line).join('\n')}</tbody></table>
<p class="note"><b>Fixed corruption:</b> ${tokens} replaced by others of
about the same frequency, drawn from a bigram model of the training text: no model of ours made it. 0.5 is chance.</p>
<p class="note"><b>Own corruption</b> is what the run’s auxiliary makes of the same text. It proves nothing: the figure rises as the main
model learns, then falls as the auxiliary learns to write what cannot be told from the original.</p></section>`
}

/** The run in one sentence. */
export const summary = (report: RunReport): string => {
  const { untrained, trained } = untrainedAndTrained(report)
  const last = report.records.at(-1)
  const falls = ['mlm', 'clm'].flatMap((name) => {
    const [from, to] = [untrained?.metrics[name], trained?.metrics[name]]
    return from === undefined || to === undefined
      ? []
      : [`${name.toUpperCase()} from ${fixed(from, 2)} to <b>${fixed(to, 2)}</b>`]
  })
  const length =
    last === undefined
      ? 'No step was taken.'
      : `${whole(last.step)} ${last.step === 1 ? 'step' : 'steps'}, ${whole(last.tokens)} tokens.`
  const entropy =
    report.baselines === undefined ? '' : `; the unigram entropy is ${fixed(report.baselines.unigramEntropy, 2)}`
  return falls.length === 0
    ? length
    : `${length} Held-out loss in nats per masked token: ${falls.join(', ')}${entropy}.`
}
