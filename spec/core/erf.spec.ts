import * as assert from 'uvu/assert'
import { erfValue } from '../../core'
import { assertClose } from '../kit'
import { describe } from '../harness'

/** x (the float64 nearest to the decimal) and erf(x) to 20 digits, by mpmath 1.3.0 at 30 digits: `nstr(erf(mpf(x)), 20)`. */
const table: readonly (readonly [x: number, erf: string])[] = [
  [1e-300, '1.1283791670955126022e-300'],
  [1e-10, '1.128379167095512615e-10'],
  [0.001, '0.0011283787909692364034'],
  [0.05, '0.056371977797016626955'],
  [0.125, '0.14031620480133381739'],
  [0.25, '0.27632639016823693299'],
  [0.4, '0.42839235504666847645'],
  [0.5, '0.52049987781304653768'],
  [0.75, '0.7111556336535151316'],
  [0.9, '0.79690821242283213966'],
  [1, '0.84270079294971486934'],
  [1.25, '0.92290012825645823014'],
  [1.5, '0.96610514647531072707'],
  [1.75, '0.98667167121918244377'],
  [2, '0.99532226501895273416'],
  [2.2, '0.99813715370201811014'],
  [2.4, '0.99931148610335492111'],
  [2.4999, '0.99959283009966654862'],
  [2.5, '0.99959304798255504106'],
  [2.5001, '0.99959326575652932026'],
  [2.75, '0.99989937807788036316'],
  [3, '0.99997790950300141456'],
  [3.5, '0.99999925690162765859'],
  [4, '0.99999998458274209972'],
  [4.5, '0.99999999980338395585'],
  [5, '0.99999999999846254021'],
  [5.5, '0.99999999999999264215'],
  [5.9, '0.9999999999999999281'],
  [6, '0.99999999999999997848'],
  [6.5, '0.99999999999999999996'],
  [10, '1.0'],
]

describe('core/erf', (test) => {
  test('agrees with mpmath to 2e-15, for x and -x', () => {
    for (const [x, text] of table)
      for (const sign of [1, -1])
        assertClose([erfValue(sign * x)], [sign * Number(text)], { tolerance: 2e-15, label: `erf(${sign * x})` })
  })

  test('is relatively right for small x, where an absolute tolerance says nothing', () => {
    for (const [x, text] of table.slice(0, 6))
      assertClose([erfValue(x) / Number(text)], [1], { tolerance: 1e-15, label: `erf(${x}) relative` })
  })

  test('is monotone across the change of method at 2.5, and ±1 at the ends', () => {
    let last = -1
    for (let k = -700; k <= 700; k++) {
      const y = erfValue(k / 100)
      assert.ok(y >= last && Math.abs(y) <= 1, `erf(${k / 100}) = ${y} after ${last}`)
      last = y
    }
    assert.equal([-Infinity, Infinity, 0].map(erfValue), [-1, 1, 0])
    assert.ok(Number.isNaN(erfValue(NaN)))
    assert.ok(Object.is(erfValue(-0), -0))
  })
})
