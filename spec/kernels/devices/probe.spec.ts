import * as assert from 'uvu/assert'
import { probeBackends } from '../../../kernels/devices/probe'
import { describe } from '../../harness'

describe('kernels/devices/probe', (test) => {
  test('every mode of gpu.js is tried, and says what ran or what is missing', async () => {
    const probes = await probeBackends()
    assert.equal(
      probes.map((p) => p.name),
      ['gpujs:cpu', 'gpujs:webasm', 'gpujs:webgpu'],
    )
    assert.ok(probes[0]!.works && probes[1]!.works)
    for (const p of probes) assert.ok(p.detail.length > 10, p.detail)
    const webgpu = probes[2]!
    if (!webgpu.works) assert.match(webgpu.detail, /expected .*, got .*\(/)
  })
})
