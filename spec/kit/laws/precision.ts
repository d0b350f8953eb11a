import { bf16Value, evaluateOne, f16Value, input, isFloat, roundBf16, roundF16, type Expr } from '../../../core'
import { withPolicy } from '../../../kernels'
import { LawError, type Problem } from './problem'

/**
 * Under a policy, on inputs that are halves, a function is what float64 makes of the same numbers, rounded `roundings` times to the half: the
 * error is at most as many units of half the last place (or of half the least subnormal). With 0 it is exact up to float64.
 * throws  LawError
 */
export const roundsAtMost =
  (roundings: 0 | 1, compute: 'f16' | 'bf16') =>
  (p: Problem): void => {
    const names = p.args.map((a) => a.name)
    const holes = (dtype: 'f32' | 'f16' | 'bf16'): readonly Expr[] =>
      p.args.map((a) => input(a.name, a.aval.shape, isFloat(a.aval.dtype) ? dtype : a.aval.dtype))
    const round = compute === 'f16' ? roundF16 : roundBf16
    const values = new Map(
      p.args.map((a) => [a.name, isFloat(a.aval.dtype) ? a.points[0]!.map(round) : a.points[0]!] as const),
    )
    const want = evaluateOne(p.f(...holes('f32')), values)
    const under = withPolicy({ compute })((_: Record<string, never>) => p.f(...holes(compute)))({})
    const got = evaluateOne(under, values)
    const { unit, least, most } = limits[compute]
    for (let i = 0; i < want.length; i++) {
      const [g, w] = [got[i]!, want[i]!]
      const allowed = roundings * Math.max(unit * Math.abs(w), least / 2) + 1e-9 * Math.abs(w) + 1e-300
      const overflows = roundings === 1 && Math.abs(w) > most && g === Math.sign(w) * Infinity
      if (Object.is(g, w) || g === w || overflows || Math.abs(g - w) <= allowed) continue
      throw new LawError(
        {
          law: 'precision',
          statement: `under a policy of ${compute} it is rounded ${roundings === 1 ? 'once' : 'not at all'}`,
          got: String(g),
          want: String(w),
          error: `${Math.abs(g - w)}, more than ${allowed}`,
          where: `[${i}] of inputs ${names.join(', ')}`,
        },
        p,
      )
    }
  }

/** Half a unit in the last place relative to the number, the least subnormal, and the largest finite number. */
const limits = {
  f16: { unit: 2 ** -11, least: f16Value(1), most: f16Value(0x7bff) },
  bf16: { unit: 2 ** -8, least: bf16Value(1), most: bf16Value(0x7f7f) },
} as const
