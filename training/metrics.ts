/**
 * Area under the ROC curve: the chance that a positive scores above a negative, ties counting one half (Mann & Whitney
 * 1947; average ranks, as scikit-learn's roc_auc_score). labels: 1 positive, 0 negative. undefined if only one class
 * is present, for then there is no curve.
 * throws  RangeError for a NaN score or a label that is not 0 or 1: a fault of the caller's, never a low score.
 */
export const rocAuc = (scores: ArrayLike<number>, labels: ArrayLike<number>): number | undefined => {
  const n = scores.length
  if (labels.length !== n)
    throw new RangeError(`rocAuc: expected a label for each of ${n} scores, got ${labels.length}`)
  let positives = 0
  for (let i = 0; i < n; i += 1) {
    if (Number.isNaN(scores[i]!)) throw new RangeError(`rocAuc: expected numbers as scores, got NaN at ${i}`)
    if (labels[i] !== 0 && labels[i] !== 1)
      throw new RangeError(`rocAuc: expected labels 0 or 1, got ${labels[i]} at ${i}`)
    positives += labels[i]!
  }
  const negatives = n - positives
  if (positives === 0 || negatives === 0) return undefined
  const order = Float64Array.from(scores).sort() // total order: NaN is excluded, -0 sorts before +0 but equals it below
  const upTo = new Map<number, { below: number; equal: number }>() // per distinct score; -0 and +0 are one key
  for (let i = 0; i < n;) {
    let j = i + 1
    while (j < n && order[j] === order[i]) j += 1
    upTo.set(order[i]!, { below: i, equal: j - i })
    i = j
  }
  let rankSum = 0 // of the positives; ranks from 1, ties share their average
  for (let i = 0; i < n; i += 1) {
    if (labels[i] !== 1) continue
    const { below, equal } = upTo.get(scores[i]!)!
    rankSum += below + (equal + 1) / 2
  }
  return (rankSum - (positives * (positives + 1)) / 2) / (positives * negatives)
}

/** Entropy of the distribution of counts, nats per token; 0 · log 0 is 0. No counts at all: 0. */
export const unigramEntropy = (counts: ArrayLike<number>): number => {
  let total = 0
  for (let i = 0; i < counts.length; i += 1) total += counts[i]!
  let entropy = 0
  for (let i = 0; i < counts.length; i += 1)
    if (counts[i]! > 0) entropy -= (counts[i]! / total) * Math.log(counts[i]! / total)
  return entropy
}

/** log of (count + alpha) / (total + alpha·V), nats: f64[V]. Add-alpha smoothing; alpha > 0 keeps unseen tokens finite. */
export const smoothedUnigram = (counts: ArrayLike<number>, alpha = 1): Float64Array => {
  let total = 0
  for (let i = 0; i < counts.length; i += 1) total += counts[i]!
  return Float64Array.from(counts, (count) => Math.log((count + alpha) / (total + alpha * counts.length)))
}

/**
 * Mean of -log p over held-out counts, nats per token: what a model that knows only the training frequencies `logP`
 * loses on this text. A language model that learned anything from context is below it. No tokens: NaN.
 */
export const unigramCrossEntropy = (logP: ArrayLike<number>, heldOut: ArrayLike<number>): number => {
  if (logP.length !== heldOut.length)
    throw new RangeError(`unigramCrossEntropy: expected counts of ${logP.length} ids, got ${heldOut.length}`)
  let total = 0
  let nats = 0
  for (let id = 0; id < heldOut.length; id += 1) {
    if (heldOut[id]! === 0) continue
    total += heldOut[id]!
    nats -= heldOut[id]! * logP[id]!
  }
  return nats / total
}

/**
 * The detector that knows only token frequencies: score -log p(x_i), the rarer the more suspicious. A detector of
 * replaced tokens must beat its rocAuc to have used the context.
 */
export const unigramScorer =
  (logP: ArrayLike<number>) =>
  (ids: ArrayLike<number>): Float64Array =>
    Float64Array.from(ids, (id) => -(logP[id] ?? NaN))
