import * as assert from 'uvu/assert'
import { openGpujs } from '../open'
import { assertLosses, describeGpu } from './gpu-suite'
import { smallest, tenSteps } from './ten-steps'

// spec: long

describeGpu(
  'gpujs:webgpu',
  (test, onPage) =>
    test("ten steps of tiny: losses within 1e-4 of those of Node's WebGPU", async () => {
      const node = await openGpujs('webgpu')
      if (node === null) return
      const [found, wanted] = await Promise.all([onPage(), tenSteps(node, smallest)])
      assert.match(found.backend, /swiftshader \(software\)$/i)
      assertLosses(found, wanted, 1e-4)
    }),
  ({ large }) => assert.match(large, /^expected at most \d+ bytes in one buffer, got 1600000000/),
)
