import * as E from 'fp-ts/Either'
import type { CodecFault } from '../../core'
import { numberOf, splitAt } from '../settings-text'
import { divergenceNames } from './divergence'
import { noiseNorms, noiseUnits } from './noise'
import type { NoiseForm, PdrConfig } from './pdr'

const robust = { alpha: 1, draws: 'own' } as const

/**
 * What each mode begins with. `random` and `adversarial`: PDR's README, for MNLI (recipe 4.1). `smart`: the paper's §4.1, with the norm of
 * MT-DNN's command line; its symmetric KL has no 1/2, so that its alpha = 1 is ours with 2. `sift`: DeBERTa's code (recipe 4.2).
 */
export const pdrDefaults = {
  random: { ...robust, mode: 'random', divergence: 'hellinger', eps: 1e-3, norm: 'l2', noise: 'tok' },
  adversarial: { ...robust, mode: 'adversarial', divergence: 'hellinger', eps: 1e-3, xi: 1e-3, norm: 'l2', noise: 'tok', steps: 1 }, // prettier-ignore
  smart: { ...robust, mode: 'smart', divergence: 'symmetric-kl', eps: 1e-5, xi: 1e-5, eta: 1e-3, norm: 'linf', steps: 1 }, // prettier-ignore
  sift: { ...robust, mode: 'sift', divergence: 'symmetric-kl', xi: 1e-2, eta: 1e-4, norm: 'linf', steps: 1 },
} as const satisfies { readonly [M in NoiseForm['mode']]: PdrConfig & { readonly mode: M } }

export type PdrMode = NoiseForm['mode']
export const pdrModes = Object.keys(pdrDefaults) as readonly PdrMode[]

interface Setting {
  readonly expected: string
  /** undefined: not a value of it. */
  readonly read: (text: string) => number | string | undefined
}

const word = (words: readonly string[]): Setting => ({
  expected: words.join(' | '),
  read: (text) => words.find((w) => w === text),
})
const number = (expected: string, holds: (x: number) => boolean): Setting => ({
  expected,
  read: (text) => {
    const x = numberOf(text)
    return Number.isFinite(x) && holds(x) ? x : undefined
  },
})
const length = number('a number > 0', (x) => x > 0)

/** Every setting of any mode. */
const settings: Readonly<Record<string, Setting>> = {
  mode: word(pdrModes),
  divergence: word(divergenceNames),
  alpha: number('a number ≥ 0', (x) => x >= 0),
  eps: length,
  xi: length,
  eta: length,
  norm: word(noiseNorms),
  noise: word(noiseUnits),
  steps: number('a whole number ≥ 1', (x) => Number.isSafeInteger(x) && x >= 1),
  draws: word(['own', 'same']),
}

/**
 * A regularisation by a mode's name and what is other than it begins with (pdrDefaults): `mode=adversarial`,
 * `divergence=js,alpha=1,eps=1e-3`. The mode is adversarial unless it is said. Numbers may be powers: `eps=2^-10`.
 * left  what is wrong, with what would be right: a setting the mode has not, a value that is none of it, a setting that is given twice.
 */
export const parsePdr = (text: string): E.Either<CodecFault, PdrConfig> => {
  const given = text.split(',').map((setting) => splitAt(setting, '='))
  const said = given.find(([key]) => key === 'mode')?.[1] ?? 'adversarial'
  const mode = pdrModes.find((known) => known === said)
  if (mode === undefined)
    return E.left({ key: 'pdr: mode', expected: settings['mode']!.expected, got: JSON.stringify(said) })
  const known = Object.keys(settings).filter((key) => key in pdrDefaults[mode])
  const own: Record<string, number | string> = {}
  for (const [key, value = ''] of given) {
    if (!known.includes(key))
      return E.left({ key: `pdr: ${mode}`, expected: `settings ${known.join(', ')}`, got: JSON.stringify(key) })
    if (key in own) return E.left({ key: `pdr: ${key}`, expected: 'one value', got: 'two' })
    const read = settings[key]!.read(value)
    if (read === undefined)
      return E.left({ key: `pdr: ${key}`, expected: settings[key]!.expected, got: JSON.stringify(value) })
    own[key] = read
  }
  return E.right({ ...pdrDefaults[mode], ...own })
}
