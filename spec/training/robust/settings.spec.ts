import * as E from 'fp-ts/Either'
import * as assert from 'uvu/assert'
import { parsePdr, pdrDefaults, pdrModes } from '../../../training/robust'
import { describe } from '../../harness'

const faultOf = (text: string): string => {
  const parsed = parsePdr(text)
  return E.isRight(parsed) ? 'none' : `${parsed.left.key}: expected ${parsed.left.expected}, got ${parsed.left.got}`
}

describe('training/robust/settings', (test) => {
  test('a mode by its name is what it begins with; adversarial unless it is said', () => {
    for (const mode of pdrModes) assert.equal(parsePdr(`mode=${mode}`), E.right(pdrDefaults[mode]))
    assert.equal(parsePdr('alpha=2'), E.right({ ...pdrDefaults.adversarial, alpha: 2 }))
  })

  test('settings in any order, numbers as powers', () => {
    assert.equal(
      parsePdr('divergence=hellinger,alpha=1,eps=1e-3'),
      E.right({ ...pdrDefaults.adversarial, divergence: 'hellinger', alpha: 1, eps: 1e-3 }),
    )
    assert.equal(
      parsePdr('divergence=js,noise=tok+seq,norm=linf,steps=3,xi=2^-10,draws=same,mode=adversarial'),
      E.right({ ...pdrDefaults.adversarial, divergence: 'js', noise: 'tok+seq', norm: 'linf', steps: 3, xi: 2 ** -10, draws: 'same' }), // prettier-ignore
    )
    assert.equal(parsePdr('eta=0.01,mode=smart,alpha=0'), E.right({ ...pdrDefaults.smart, eta: 0.01, alpha: 0 }))
  })

  test('one fault: what is not there, what it must be, what was given twice', () => {
    const all = 'settings mode, divergence, alpha, eps, xi, norm, noise, steps, draws'
    assert.equal(
      ['epsilon=1', '', 'mode=vat', 'mode', 'mode=random,steps=2', 'mode=sift,eps=1', 'norm=l3', 'noise=token', 'divergence=tv', 'alpha=-1', 'alpha=', 'eps=0', 'eps=2^9999', 'xi=x', 'steps=1.5', 'alpha=1,alpha=2', 'draws=both', 'toString=1'].map(faultOf), // prettier-ignore
      [
        `pdr: adversarial: expected ${all}, got "epsilon"`,
        `pdr: adversarial: expected ${all}, got ""`,
        'pdr: mode: expected random | adversarial | smart | sift, got "vat"',
        'pdr: mode: expected random | adversarial | smart | sift, got ""',
        'pdr: random: expected settings mode, divergence, alpha, eps, norm, noise, draws, got "steps"',
        'pdr: sift: expected settings mode, divergence, alpha, xi, eta, norm, steps, draws, got "eps"',
        'pdr: norm: expected l2 | l1 | linf, got "l3"',
        'pdr: noise: expected tok | seq | tok+seq, got "token"',
        'pdr: divergence: expected kl | symmetric-kl | hellinger | js | squared-error, got "tv"',
        'pdr: alpha: expected a number ≥ 0, got "-1"',
        'pdr: alpha: expected a number ≥ 0, got ""',
        'pdr: eps: expected a number > 0, got "0"',
        'pdr: eps: expected a number > 0, got "2^9999"',
        'pdr: xi: expected a number > 0, got "x"',
        'pdr: steps: expected a whole number ≥ 1, got "1.5"',
        'pdr: alpha: expected one value, got two',
        'pdr: draws: expected own | same, got "both"',
        `pdr: adversarial: expected ${all}, got "toString"`,
      ],
    )
  })
})
