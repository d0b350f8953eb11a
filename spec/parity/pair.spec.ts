import * as assert from 'uvu/assert'
import { referenceDevice } from '../../kernels'
import { detectionWeight } from '../../training/objectives'
import { describe } from '../harness'
import { openGpujs, openWasm, type GpujsMode } from '../kernels/devices/open'
import { assertParity, ParityError, type Numbers } from './compare'
import { gradientsOn } from './ours'
import { drawProblem } from './problem'
import { torchGradients, torchPython, type Answer } from './torch'

const problem = drawProblem(20211202)

/** An answer under the names of our outputs. */
const named = ({ loss, terms, arrays }: Answer): Numbers =>
  new Map([
    ['loss', [loss]],
    ...Object.entries(terms).map(([name, value]) => [name, [value]] as const),
    ...Object.entries(arrays).map(([path, g]) => [`grads/${path}`, g] as const),
  ])

let answered: Promise<Answer | null> | undefined

/** What PyTorch says, computed once; null where there is no PyTorch. */
const expected = (): Promise<Answer | null> => {
  answered ??= torchPython().then((python) => (python === null ? null : torchGradients(python, problem)))
  return answered
}

const rejects = (got: Numbers, want: Numbers, tolerance: number, message: RegExp): void => {
  assert.throws(
    () => assertParity(got, want, tolerance),
    (error: unknown) => error instanceof ParityError && message.test(error.message),
  )
}

describe('parity/pair', (test) => {
  test('reference: loss, terms and every gradient are those of torch.float64', async () => {
    const want = await expected()
    if (want === null) return
    const got = await gradientsOn(referenceDevice(), problem)
    assert.is(got.size, problem.params.size + 4)
    assertParity(got, named(want), 1e-9)
  })

  for (const matmul of ['wasm', 'blas'] as const)
    test(`wasm, matrix products by ${matmul}: the same in f32`, async () => {
      const want = await expected()
      const device = await openWasm({ threads: 2, matmul })
      if (want === null || device === null) return
      assertParity(await gradientsOn(device, problem), named(want), 1e-5)
    })

  const modes: readonly GpujsMode[] = ['cpu', 'webasm', 'webgpu']
  for (const mode of modes)
    test(`gpujs:${mode}: the same in f32`, async () => {
      const want = await expected()
      const device = await openGpujs(mode)
      if (want === null || device === null) return
      assertParity(await gradientsOn(device, problem), named(want), 1e-5)
    })

  test('no parameter is left out: every gradient of PyTorch is there and none is all zeros', async () => {
    const want = await expected()
    if (want === null) return
    assert.equal(Object.keys(want.arrays).sort(), [...problem.params.keys()].sort())
    for (const [path, g] of Object.entries(want.arrays))
      assert.ok(
        g.some((x) => x !== 0),
        path,
      )
  })

  test('control: a wrong weight of detection, one flipped sign and a lost gradient are each rejected', async () => {
    const want = await expected()
    if (want === null) return
    const right = named(want)
    const { mlm = NaN, clm = NaN, rtd = NaN } = want.terms
    assertParity(new Map([...right, ['loss', [mlm + clm + detectionWeight * rtd]]]), right, 1e-9)
    rejects(new Map([...right, ['loss', [mlm + clm + 49 * rtd]]]), right, 1e-5, /^1 of .*\n {2}loss: /)

    const path = 'grads/main/layers/layer01/norm2/bias'
    const flipped = Array.from(right.get(path)!, (g, i) => (i === 0 ? -g : g))
    rejects(
      new Map([...right, [path, flipped]]),
      right,
      1e-5,
      /^1 of .*\n {2}grads\/main\/layers\/layer01\/norm2\/bias: /,
    )

    const lost = new Map(right)
    lost.delete('grads/head/rtd/bias')
    rejects(lost, right, 1e-5, /rtd\/bias: Infinity/)
    rejects(new Map([...right, ['rtd', [NaN]]]), right, 1e-5, /rtd: Infinity/)
  })
})
