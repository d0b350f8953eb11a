import * as assert from 'uvu/assert'
import { wasmDevice } from '../../../../kernels'
import { orThrow } from '../open'
import { assertLosses, describeGpu } from './gpu-suite'
import { smallest, tenSteps } from './ten-steps'

describeGpu(
  'gpujs:webgl2',
  (test, onPage) =>
    test('ten steps of tiny: losses within 1e-3 of those of wasm', async () => {
      const found = await onPage()
      assert.match(found.backend, /^WebGL 2: .*SwiftShader.*\(software\)$/)
      assertLosses(found, await tenSteps(await orThrow(wasmDevice({ threads: 1, matmul: 'wasm' })), smallest), 1e-3)
    }),
  ({ large, inUse }) => {
    assert.match(large, /^expected at most \d+ elements \(\d+ x \d+ texels\), got 400000000$/)
    assert.is(inUse, 0, 'every texture was freed')
  },
)
