import * as E from 'fp-ts/Either'
import type { CodecFault } from '../../core'
import { numberOf, splitAt } from '../settings-text'

/**
 * How a loss scale moves, as data. A step overflows if any gradient is not finite; it is then skipped. After `hysteresis` overflows the
 * scale is multiplied by `backoff` at each; after `window` good steps in a row by `growth`, which refills the hysteresis.
 */
export interface ScalerRule {
  readonly init: number
  readonly growth: number
  readonly backoff: number
  readonly window: number // good steps; 0: it never grows
  readonly hysteresis: number // overflows up to the first that lowers the scale
  readonly min: number
  readonly max: number
  /**
   * When an overflow ends the run: where the scale would fall below `min`, where it is at `min` already, or never: then it stays at
   * `min`.
   */
  readonly fails: 'below min' | 'at min' | 'never'
}

const common = { growth: 2, backoff: 0.5, hysteresis: 1, max: Infinity } as const

/**
 * The scalers of other libraries, state by state (recipe 3.2). `deepspeed` is its configuration's default and not its class's; `fairseq` has
 * COCO-LM's command-line default, and fairseq's window for one rank and no accumulation.
 */
export const scalerFlavours = {
  fairseq: { ...common, init: 2 ** 7, window: 2 ** 14, min: 1e-4, fails: 'below min' },
  apex: { ...common, init: 2 ** 16, window: 2000, min: 0, max: 2 ** 24, fails: 'never' },
  deepspeed: { ...common, init: 2 ** 16, window: 1000, hysteresis: 2, min: 1, fails: 'at min' },
  megatron: { ...common, init: 2 ** 32, window: 1000, hysteresis: 2, min: 1, fails: 'never' },
  /** A scale that never moves. Steps that overflow are skipped all the same. */
  static: { ...common, init: 2 ** 16, backoff: 1, window: 0, min: 0, fails: 'never' },
} as const satisfies Readonly<Record<string, ScalerRule>>

export type ScalerFlavour = keyof typeof scalerFlavours
export const flavourNames = Object.keys(scalerFlavours) as readonly ScalerFlavour[]

/** What may be set beside a flavour's name, and what it must be. */
const settings: Readonly<Record<string, { readonly expected: string; readonly holds: (x: number) => boolean }>> = {
  init: { expected: 'a number > 0', holds: (x) => x > 0 && Number.isFinite(x) },
  growth: { expected: 'a number ≥ 1', holds: (x) => x >= 1 && Number.isFinite(x) },
  backoff: { expected: 'a number in (0, 1]', holds: (x) => x > 0 && x <= 1 },
  window: { expected: 'a whole number ≥ 0', holds: (x) => Number.isSafeInteger(x) && x >= 0 },
  hysteresis: { expected: 'a whole number ≥ 1', holds: (x) => Number.isSafeInteger(x) && x >= 1 },
  min: { expected: 'a number ≥ 0', holds: (x) => x >= 0 && Number.isFinite(x) },
  max: { expected: 'a number > 0', holds: (x) => x > 0 },
}

/**
 * `none`, or a flavour with settings of its own: `fairseq`, `apex:init=1024,window=100`. Numbers may be powers: `init=2^15`.
 * right  undefined for none. left  what is wrong, with what would be right.
 */
export const parseScaler = (text: string): E.Either<CodecFault, ScalerRule | undefined> => {
  const [name, rest] = splitAt(text, ':')
  if (name === 'none' && rest === undefined) return E.right(undefined)
  const flavour = flavourNames.find((known) => known === name)
  if (flavour === undefined)
    return E.left({ key: 'lossScale', expected: [...flavourNames, 'none'].join(' | '), got: JSON.stringify(text) })
  const given: Record<string, number> = {}
  for (const setting of rest === undefined ? [] : rest.split(',')) {
    const [key, value = ''] = splitAt(setting, '=')
    const rule = settings[key]
    const at = `lossScale: ${name}`
    if (rule === undefined)
      return E.left({ key: at, expected: `settings ${Object.keys(settings).join(', ')}`, got: JSON.stringify(setting) })
    const number = numberOf(value)
    if (!rule.holds(number))
      return E.left({ key: `${at}: ${key}`, expected: rule.expected, got: JSON.stringify(value) })
    given[key] = number
  }
  const rule: ScalerRule = { ...scalerFlavours[flavour], ...given }
  if (rule.init < rule.min || rule.init > rule.max)
    return E.left({
      key: `lossScale: ${name}: init`,
      expected: `a number from min = ${rule.min} to max = ${rule.max}`,
      got: String(rule.init),
    })
  return E.right(rule)
}
