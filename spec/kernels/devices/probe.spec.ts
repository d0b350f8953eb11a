import * as E from 'fp-ts/Either'
import * as assert from 'uvu/assert'
import { deviceNames, probeDevices } from '../../../kernels/devices/open'
import { describe } from '../../harness'

describe('kernels/devices/probe', (test) => {
  test('every device is opened: it says what ran, or what is missing and what may help', async () => {
    const probes = await probeDevices()
    assert.equal(
      probes.map((p) => p.name),
      [...deviceNames],
    )
    for (const { name, result } of probes) {
      if (E.isRight(result)) assert.ok(result.right.detail.length > 10, result.right.detail)
      else {
        const { expected, help } = result.left
        if (name === 'gpujs:webgl2') assert.match(expected, /^a browser: WebGL 2/)
        else assert.is(name, 'gpujs:webgpu')
        assert.match(help ?? '', name === 'gpujs:webgl2' ? /gpujs:webgpu or wasm/ : /apt-get|npm install/)
      }
    }
  })
})
