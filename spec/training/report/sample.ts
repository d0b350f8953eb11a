import type { Correction, TokenVerdict } from '../../../training/correct/corrector'
import type { StepRecord } from '../../../training/loop'
import type { Evaluation } from '../../../training/pretrain/evaluate'
import type { ReportedCorrection, RunReport } from '../../../training/report'

/** Even noise in [-1, 1) from a number: the same page every time. */
const noise = (at: number, site: number): number => {
  const x = Math.sin(at * 12.9898 + site * 78.233) * 43758.5453
  return 2 * (x - Math.floor(x)) - 1
}
const falling = (at: number, from: number, to: number, over: number): number => to + (from - to) * Math.exp(-at / over)

export const record = (step: number, steps: number, own: StepRecord['metrics'] = {}): StepRecord => {
  const mlm = falling(step, 8.32, 5.9, steps / 4) + 0.18 * noise(step, 1)
  const clm = falling(step, 8.34, 5.7, steps / 4) + 0.2 * noise(step, 2)
  const rtd = falling(step, 0.693, 0.41, steps / 12) + 0.02 * noise(step, 3)
  const replaced = falling(step, 0.149, 0.128, steps / 3) + 0.006 * noise(step, 4)
  const warmup = steps / 10
  return {
    step,
    loss: mlm + clm + 50 * rtd,
    lossScale: 1,
    skipped: false,
    gradNorm: falling(step, 21, 2.2, steps / 15) * (1 + 0.3 * noise(step, 5)),
    lr: 1e-3 * (step < warmup ? step / warmup : (steps - step) / (steps - warmup)),
    tokens: step * 2048,
    tokensPerSecond: Math.round(2900 + 220 * noise(step, 6)),
    backend: 'gpujs:webasm',
    metrics: { mlm, clm, rtd, replaced, ...own },
  }
}

const evaluation = (at: number): Evaluation => ({
  metrics: {
    mlm: falling(at, 8.33, 6.02, 0.25),
    clm: falling(at, 8.36, 5.87, 0.25),
    rtd: falling(at, 0.694, 0.425, 0.1),
    replaced: 0.131,
    loss: falling(at, 51.4, 33.1, 0.12),
  },
  detection: 0.498 + 0.031 * at,
  ownDetection: 0.5 + 0.35 * at * Math.exp(-2 * at),
})

export const verdict = (text: string, replaced: number, best: string): TokenVerdict => ({
  id: text.length,
  text,
  replaced,
  best,
  bestId: text.length + 1,
  isCorrected: replaced > 0.5 && best !== text,
})

const joined = (tokens: readonly TokenVerdict[], pick: (t: TokenVerdict) => string): string =>
  tokens.map(pick).join('').trim()

export const correction = (tokens: readonly TokenVerdict[]): Correction => ({
  text: joined(tokens, (t) => t.text),
  tokens,
  corrected: joined(tokens, (t) => (t.isCorrected ? t.best : t.text)),
})

const sentences: readonly (readonly [original: string, corrupted: string, at: readonly number[]])[] = [
  [
    ' The United States is a nation of laws , and the Congress has the power to change them .',
    ' The United States is a winter of laws , and the Congress has among power to change them .',
    [5, 13],
  ],
  [
    ' Our economy created more than 200 , 000 jobs in January alone , and unemployment fell to the lowest level in thirty years .',
    ' Our economy believed more than 200 , 000 jobs in January alone , and families fell to the lowest level in weapons years .',
    [2, 14, 21],
  ],
  [' I ask you to send me this bill without delay .', ' I ask you to send me this bill without delay .', []],
]

const words = (text: string): readonly string[] => text.match(/ \S+/g)!

const reported = (
  [original, corrupted, at]: (typeof sentences)[number],
  site: number,
): ReportedCorrection & { readonly replaced: readonly boolean[] } => {
  const [right, wrong] = [words(original), words(corrupted)]
  const replaced = wrong.map((_, i) => at.includes(i))
  return {
    original: original.trim(),
    before: correction(wrong.map((t, i) => verdict(t, 0.5 + 0.04 * noise(i, site), [' the', ' of', ' nat'][i % 3]!))),
    after: correction(
      wrong.map((t, i) => {
        const p = at.includes(i) ? 0.45 + 0.5 * Math.abs(noise(i, site + 9)) : 0.02 + 0.3 * noise(i, site) ** 2
        return verdict(t, p, i % 4 === 3 ? ' the' : right[i]!)
      }),
    ),
    replaced,
  }
}

/** A report of a run that was never made: its curves have the shape of real ones. */
export const sampleReport = (steps: number, own: StepRecord['metrics'] = {}): RunReport => ({
  title: 'emend: tiny, t-nlrv5, on 233 documents',
  backend: { name: 'gpujs:webasm', detail: 'gpu.js 2.24.1, WebAssembly, one thread' },
  settings: [
    ['preset', 'tiny: 4 + 2 layers, 128 wide'],
    ['parameters', '1,614,848 (main model 1,318,016)'],
    ['corpus', 'sotu'],
    ['documents', '221 to train on, 12 held out'],
    ['training tokens', '2,104,320'],
    ['vocabulary', '4096'],
    ['batch', '16 rows of 128 tokens'],
    ['learning rate', '0.001, 60 steps of warm-up, linear decay'],
    ['seed', '1'],
  ],
  records: Array.from({ length: steps }, (_, i) => record(i + 1, steps, own)),
  heldOut: [0, 0.25, 0.5, 0.75, 1].map((at) => ({ step: Math.round(at * steps), evaluation: evaluation(at) })),
  baselines: { unigramEntropy: 6.4213, frequencyDetection: 0.5136, corruptedTokens: 2457, heldOutTokens: 16384 },
  corrections: sentences.map(reported),
})
