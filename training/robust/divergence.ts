import { add, exp, mul, softplus, square, stopGradient, sub, sum, type Expr } from '../../core'

/**
 * How far two posteriors of each row are apart, in nats where it is a sum of logarithms: from log-posteriors f32[..., C] -> f32[...].
 * Cheng et al. 2021, arXiv:2010.12638, §3; p is the clean posterior, q the one under noise.
 */
export type Divergence = (clean: Expr, noisy: Expr) => Expr

/** KL(sg(p) ‖ q) = Σ p (ln p - ln q). The clean side is a target: no gradient passes to it. */
export const kl: Divergence = (clean, noisy) => {
  const target = stopGradient(clean)
  return sum(mul(exp(target), sub(target, noisy)), -1)
}

/** (KL(sg(p) ‖ q) + KL(sg(q) ‖ p)) / 2: each side learns from the other as a target. SMART's code has no 1/2. */
export const symmetricKl: Divergence = (clean, noisy) => mul(add(kl(clean, noisy), kl(noisy, clean)), 0.5)

/**
 * Squared Hellinger distance, Σ (√p - √q)² / 2 = 1 - Σ √(pq), in [0, 1]. √p = e^(½ ln p) has a derivative where p is 0; and the difference
 * keeps its digits where p and q are close, which 1 - Σ √(pq) loses. Gradients go to both sides.
 */
export const hellinger: Divergence = (clean, noisy) =>
  mul(sum(square(sub(exp(mul(clean, 0.5)), exp(mul(noisy, 0.5)))), -1), 0.5)

/**
 * Jensen-Shannon divergence, (KL(p ‖ m) + KL(q ‖ m)) / 2 with m = (p + q) / 2, in [0, ln 2]. From d = ln q - ln p: ln m = ln p + softplus(d) -
 * ln 2 = ln q + softplus(-d) - ln 2. Gradients go to both sides, and through m.
 */
export const jensenShannon: Divergence = (clean, noisy) => {
  const d = sub(noisy, clean)
  const toMiddle = (logP: Expr, towards: Expr): Expr => sum(mul(exp(logP), sub(Math.LN2, softplus(towards))), -1)
  return mul(add(toMiddle(clean, d), toMiddle(noisy, mul(d, -1))), 0.5)
}

/** Σ (x - y)²: of values, f32[N, 1], where there is no posterior (regression; Jiang et al. 2020, SMART, arXiv:1911.03437, §3.1). */
export const squaredError: Divergence = (clean, noisy) => sum(square(sub(clean, noisy)), -1)

export const divergences = {
  kl,
  'symmetric-kl': symmetricKl,
  hellinger,
  js: jensenShannon,
  'squared-error': squaredError,
} as const satisfies Readonly<Record<string, Divergence>>

export type DivergenceName = keyof typeof divergences
export const divergenceNames = Object.keys(divergences) as readonly DivergenceName[]
