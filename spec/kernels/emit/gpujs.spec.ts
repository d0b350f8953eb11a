import * as assert from 'uvu/assert'
import { addIndex, aval, axisIndex, constIndex, load, scaleIndex } from '../../../core'
import { emitGpujs } from '../../../kernels/emit/gpujs'
import { describe } from '../../harness'
import { gpujsModes, openGpujs } from '../devices/open'
import { differences, kernelOf, runRecipe, type Recipe } from './hand-made'
import { kernelCases } from './kernel-cases'

describe('kernels/emit/gpujs', (test) => {
  for (const mode of gpujsModes)
    for (const { title, recipe, data, want, tolerance } of kernelCases)
      test(`${mode}: ${title}`, async () => {
        const device = await openGpujs(mode)
        if (device === null) return
        assert.is(differences(await runRecipe(device, recipe, data), want(), tolerance), '')
      })

  for (const mode of ['cpu', 'webasm', 'webgl2'] as const)
    test(`${mode}: an index that may leave its input is refused before anything runs`, () => {
      const recipe: Recipe = {
        inputs: [aval('f32', 8)],
        shape: [8],
        body: ([i]) => load(0, addIndex(scaleIndex(i!, 1), constIndex(1)), 'real'),
      }
      assert.throws(
        () => emitGpujs(kernelOf(recipe), mode),
        /internal: handMade\d+: reads slot 0 of 8 elements at \[1, 8\]/,
      )
      const below: Recipe = { ...recipe, body: () => load(0, addIndex(axisIndex('i0', 8), constIndex(-1)), 'real') }
      assert.throws(() => emitGpujs(kernelOf(below), mode), /at \[-1, 6\]/)
    })
})
