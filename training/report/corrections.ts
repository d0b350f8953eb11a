import type { Correction, TokenVerdict } from '../correct/corrector'
import { escapeHtml } from './escape'
import { percent } from './figures'
import type { ReportedCorrection } from './run-report'

/** A token likelier replaced than not is underlined. */
const suspected = 0.5

/** Corrupted sentences as the model saw them before and after training. */
export const correctionsSection = (corrections: readonly ReportedCorrection[]): string =>
  corrections.length === 0
    ? ''
    : `<section aria-labelledby="corrections"><h2 id="corrections">Corrections</h2>
<p class="note">Held-out sentences, corrupted before the model saw them. The deeper a token’s colour, the likelier the model holds it for a
replacement. Point at a token for its probability and for what the model would put there.</p>
${legend}
${corrections.map(card).join('\n')}</section>`

const legend = `<ul class="legend"><li><span class="scale">${[0, 2, 4, 6, 8, 10]
  .map((p) => `<span class="t p${p}${p > 5 ? ' suspect' : ''}">${p / 10}</span>`)
  .join('')}</span> probability of being replaced</li>
<li><span class="t suspect">word</span> above ${suspected}</li>
<li><span class="t real">word</span> really replaced; below it, the model’s own word and the probability</li>
<li><ins>word</ins> put there by the model</li></ul>`

const card = ({ original, before, after, replaced }: ReportedCorrection, index: number): string =>
  `<article class="sentence"><h3>Sentence ${index + 1}</h3>
<p class="original"><span class="tag">Original</span> ${escapeHtml(original)}</p>
${judged('Before training', before, replaced)}
${judged('After training', after, replaced)}</article>`

const judged = (when: string, correction: Correction, replaced: readonly boolean[] | undefined): string => {
  const { tokens } = correction
  if (replaced !== undefined && replaced.length !== tokens.length)
    throw new RangeError(`report: expected a label for each of ${tokens.length} tokens, got ${replaced.length}`)
  const spans = tokens.map((token, i) => tokenSpan(token, replaced?.[i], replaced === undefined))
  return `<div class="judged"><h4>${when}${score(tokens, replaced)}</h4><p class="tokens">${spans.join('')}</p>
<p class="corrected"><span class="tag">Corrected</span> ${correctedText(correction)}</p></div>`
}

/** How many of the really replaced tokens were suspected, and how many of the others. */
const score = (tokens: readonly TokenVerdict[], replaced: readonly boolean[] | undefined): string => {
  if (replaced === undefined) return ''
  const hits = tokens.filter((t, i) => replaced[i]! && t.replaced > suspected).length
  const falseAlarms = tokens.filter((t, i) => !replaced[i]! && t.replaced > suspected).length
  const all = replaced.filter((r) => r).length
  return ` <small>${hits} of ${all} replaced tokens above ${suspected}, and ${falseAlarms} of the ${tokens.length - all} others</small>`
}

/** A token in the colour of its probability. Those that matter say beneath what the model would put there. */
const tokenSpan = (token: TokenVerdict, isReal: boolean | undefined, noteCorrected: boolean): string => {
  const { text, best, replaced } = token
  const words = [
    `P(replaced) ${Number.isFinite(replaced) ? replaced.toFixed(3) : 'not finite'}`,
    `the model would put “${best.trim() === '' ? shown(best) : best.trim()}”`,
    ...(isReal === true ? ['really replaced'] : []),
  ]
  const classes = [
    't',
    Number.isFinite(replaced) ? `p${Math.round(10 * Math.min(1, Math.max(0, replaced)))}` : '',
    replaced > suspected ? 'suspect' : '',
    isReal === true ? 'real' : '',
  ].filter((name) => name !== '')
  const word = `<span class="${classes.join(' ')}" title="${escapeHtml(words.join('; '))}">${escapeHtml(shown(text))}</span>`
  const space = /^\s/.test(text) && text.trim() !== '' ? ' ' : '<wbr>'
  if (isReal !== true && !(noteCorrected && token.isCorrected)) return space + word
  return `${space}<span class="noted">${word}<small>${escapeHtml(shown(best))}</small><small>${percent(replaced)}</small></span>`
}

/** A token without the space around it; one that is nothing but space, as signs that show. */
const shown = (text: string): string =>
  text.trim() !== '' ? text.trim() : text.replace(/ /g, '␣').replace(/\n/g, '↵').replace(/\t/g, '⇥') || '∅'

/** The corrected text; its changes are marked where the tokens' texts make it up (pieces of one character may not). */
const correctedText = ({ tokens, corrected }: Correction): string => {
  const pieces = tokens.map((t) => (t.isCorrected ? t.best : t.text))
  if (pieces.join('').trim() !== corrected.trim()) return escapeHtml(corrected)
  return tokens
    .map((t, i) => {
      if (!t.isCorrected) return escapeHtml(t.text)
      const piece = pieces[i]!
      return `${/^\s/.test(piece) ? ' ' : ''}<ins>${escapeHtml(shown(piece))}</ins>`
    })
    .join('')
}
