import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import * as assert from 'uvu/assert'
import { describe } from '../../harness'

interface Validated {
  readonly faults: readonly string[]
  readonly shaders: number
  readonly pipelines: number
  readonly refused: number
}

describe('kernels/devices/webgpu: shaders for the matrix unit', (test) => {
  test('Dawn validates them all, in f16 and f32, turned, batched, with epilogues, at odd sizes', async () => {
    const { stdout, stderr } = await promisify(execFile)(
      process.execPath,
      ['--import', 'tsx', join(import.meta.dirname, 'validate-matrix.ts')],
      { cwd: join(import.meta.dirname, '../../..') },
    )
    const { faults, shaders, pipelines, refused } = JSON.parse(stdout.trim().split('\n').at(-1)!) as Validated
    assert.equal(faults, [], stderr)
    assert.is(shaders, 112)
    // The larger tiles need more workgroup memory than the null backend has.
    assert.is(pipelines, 70)
    assert.is(refused, shaders, 'control: shaders that are wrong are refused')
  })
})
