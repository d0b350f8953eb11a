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
        assert.is(name, 'gpujs:webgpu')
        assert.match(result.left.help ?? '', /apt-get|npm install/)
      }
    }
  })
})
