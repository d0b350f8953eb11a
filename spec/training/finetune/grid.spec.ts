import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as E from 'fp-ts/Either'
import * as assert from 'uvu/assert'
import { showFault } from '../../../training/fault'
import { decideFinetune, grids, pointsOf, readGrid } from '../../../training/finetune'
import { pointName } from '../../../training/finetune/grid'
import { describe } from '../../harness'
import { temporary } from '../cli/run-cli'
import { fitted } from '../fitted'

const file = join(temporary(), 'grid.json')
const read = (value: object) => {
  writeFileSync(file, JSON.stringify(value))
  return readGrid(file)()
}

describe('training/finetune/grid', (test) => {
  test('all combinations, each once, under names of their own', async () => {
    const grid = fitted(await read({ lr: [1e-5, 2e-5], batch: [16, 32], epochs: [3, 5, 10] }))
    const points = pointsOf(grid)
    assert.is(points.length, 12)
    assert.is(new Set(points.map(pointName)).size, 12)
    assert.equal(points[0], { lr: 1e-5, batch: 16, epochs: 3 })
    assert.is(pointName({ pdr: 'eps=1e-3,mode=random', lr: 0.1 }), 'pdr=eps=1e-3_mode=random,lr=0.1')
  })

  test('COCO-LM’s grids are there by name, and every point of them is a setting', async () => {
    for (const name of Object.keys(grids)) {
      const points = pointsOf(fitted(await readGrid(name)()))
      assert.is(points.length, name.includes('large') ? 30 : 24)
      for (const point of points)
        assert.ok(E.isRight(decideFinetune({}, { task: ['rte'], data: 'd', from: 'f', ...point })), pointName(point))
    }
  })

  const wrong: readonly (readonly [string, object, RegExp])[] = [
    ['no list', { lr: 1e-5 }, /grid: lr: expected a list/],
    ['a value that is none', { lr: [1e-5, -1] }, /grid: lr\.1: expected a number > 0, got -1/],
    ['a setting that is not learned by', { out: ['a'] }, /grid: out/],
    ['an empty list', { lr: [] }, /grid: lr: expected one value or more, each once, got \[\]/],
    ['a value twice', { lr: [1, 1] }, /grid: lr: expected one value or more, each once/],
    ['nothing', {}, /grid: expected lists for some of epochs, lr/],
  ]
  for (const [name, value, message] of wrong)
    test(`bad input: ${name}`, async () => {
      const found = await read(value)
      assert.ok(E.isLeft(found))
      assert.match(showFault(found.left), message)
    })

  test('bad input: no such file', async () => {
    const found = await readGrid('none.json')()
    assert.ok(E.isLeft(found))
    assert.match(showFault(found.left), /--grid: expected a JSON file, or coco-lm-base .*, got ENOENT/)
  })
})
