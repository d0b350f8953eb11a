import { checkPaired } from './paired'

/** Classes of the same examples: what was answered, and what is right. */
export type Classes = readonly number[]

/** Share of the answers that are right; NaN of none. */
export const accuracy = (answered: Classes, right: Classes): number => {
  checkPaired('accuracy', answered, right)
  return answered.filter((c, i) => c === right[i]).length / right.length
}

/** 2TP / (2TP + FP + FN) of one class against all others; 0 where there is none of it on either side, as scikit-learn's f1_score. */
export const f1 = (answered: Classes, right: Classes, positive = 1): number => {
  checkPaired('f1', answered, right)
  let [both, either] = [0, 0]
  for (const [i, c] of answered.entries()) {
    both += Number(c === positive && right[i] === positive)
    either += Number(c === positive) + Number(right[i] === positive)
  }
  return either === 0 ? 0 : (2 * both) / either
}

/** Mean of the F1 of every class in `classes`, those that do not occur counting 0 (CB in jiant's evaluation: the mean over its three). */
export const macroF1 = (answered: Classes, right: Classes, classes: Classes): number =>
  classes.reduce((total, c) => total + f1(answered, right, c), 0) / classes.length

/**
 * Matthews correlation of any number of classes: R_K = (cs - Σ p_k t_k) / √((s² - Σ p_k²)(s² - Σ t_k²)) with c right of s, p_k and t_k answered
 * and true of class k (Gorodkin 2004); of two classes it is the usual one. 0 where the denominator is, as scikit-learn's matthews_corrcoef.
 */
export const matthews = (answered: Classes, right: Classes): number => {
  checkPaired('matthews', answered, right)
  const [p, t] = [counts(answered), counts(right)]
  const s = right.length
  const c = answered.filter((k, i) => k === right[i]).length
  const sumOf = (f: (k: number) => number): number =>
    [...new Set([...p.keys(), ...t.keys()])].reduce((a, k) => a + f(k), 0)
  const [pk, tk] = [(k: number) => p.get(k) ?? 0, (k: number) => t.get(k) ?? 0]
  const spread = (s * s - sumOf((k) => pk(k) ** 2)) * (s * s - sumOf((k) => tk(k) ** 2))
  return spread === 0 ? 0 : (c * s - sumOf((k) => pk(k) * tk(k))) / Math.sqrt(spread)
}

const counts = (classes: Classes): ReadonlyMap<number, number> => {
  const of = new Map<number, number>()
  for (const k of classes) of.set(k, (of.get(k) ?? 0) + 1)
  return of
}
