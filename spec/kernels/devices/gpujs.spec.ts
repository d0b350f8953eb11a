import * as E from 'fp-ts/Either'
import * as assert from 'uvu/assert'
import {
  acc,
  add,
  addIndex,
  aval,
  constIndex,
  divIndex,
  exp,
  flatIndex,
  input,
  int,
  load,
  matmul,
  modIndex,
  mul,
  ofIndex,
  reshape,
  scaleIndex,
  select,
  sum,
  tanh,
  within,
} from '../../../core'
import { referenceDevice, type Device } from '../../../kernels'
import { describe } from '../../harness'
import { differences, runRecipe, type Recipe } from '../emit/hand-made'
import { gpujsModes, openGpujs, orThrow } from './open'
import { numbers, outputsOf, planOf, programCases, programTolerance, upload, w, x } from './program-cases'

describe('kernels/devices/gpujs', (test) => {
  for (const mode of gpujsModes) {
    const on = (title: string, body: (device: Device) => Promise<void>): void =>
      test(`${mode}: ${title}`, async () => {
        const device = await openGpujs(mode)
        if (device !== null) await body(device)
      })

    for (const [title, values] of Object.entries(programCases))
      on(`${title}: equal to the reference`, async (device) => {
        const plan = planOf(values)
        const want = await outputsOf(referenceDevice(), plan)
        const got = await outputsOf(device, plan)
        want.forEach((expected, i) => assert.is(differences(got[i]!, expected, programTolerance), '', `output ${i}`))
      })

    on('a donated input is gone, outputs that share a buffer are freed one by one', async (device) => {
      const y = tanh(x)
      const plan = planOf([y, reshape(y, [60]), y], ['x'])
      const executable = await orThrow(device.compile(plan))
      const inputs = await upload(device, plan)
      const [one, two, three] = await orThrow(executable.run(inputs))
      device.free([one!])
      device.free([one!, three!])
      assert.equal(two!.aval.shape, [60])
      assert.is((await orThrow(device.read(two!))).length, 60)
      const again = await executable.run(inputs)()
      assert.ok(E.isLeft(again) && /was freed/.test(again.left.got))
      const freed = await device.read(one!)()
      assert.ok(E.isLeft(freed) && /a live value/.test(freed.left.expected))
      device.free([two!])
      executable.dispose()
    })

    on('an output that is an input lives on when the input is freed', async (device) => {
      const plan = planOf([x])
      const executable = await orThrow(device.compile(plan))
      const inputs = await upload(device, plan)
      const [same] = await orThrow(executable.run(inputs))
      device.free(inputs)
      assert.is(differences(await orThrow(device.read(same!)), numbers(60, 0), 0), '')
      device.free([same!])
    })

    on('results feed the next run where they lie', async (device) => {
      const p = input('p', [1000])
      const plan = planOf([add(mul(p, 0.5), 1)], ['p'])
      const executable = await orThrow(device.compile(plan))
      let [value] = await upload(device, plan)
      for (let i = 0; i < 40; i++) [value] = await orThrow(executable.run([value!]))
      assert.is(differences(await orThrow(device.read(value!)), new Float32Array(1000).fill(2), 1e-6), '')
      device.free([value!])
    })

    on('nothing is computed for values without elements', async (device) => {
      const empty = input('e', [0, 4])
      const plan = planOf([exp(empty), sum(empty, 0)])
      const got = await outputsOf(device, plan)
      assert.is(got[0]!.length, 0)
      assert.equal([...got[1]!], [0, 0, 0, 0])
    })

    on('faults name what is wrong with an upload', async (device) => {
      const size = await device.upload(new Float32Array(3), aval('f32', 2, 2))()
      assert.ok(E.isLeft(size))
      assert.equal([size.left.expected, size.left.got], ['4 elements', '3'])
      if (mode !== 'webgpu') {
        const large = await device.upload(Int32Array.of(1, 16777217), aval('i32', 2))()
        assert.ok(E.isLeft(large))
        assert.is(large.left.got, '16777217 at element 1')
      }
      const foreign = await orThrow(referenceDevice().upload(new Float32Array(2), aval('f32', 2)))
      const read = await device.read(foreign)()
      assert.ok(E.isLeft(read) && /reference/.test(read.left.got))
    })

    on('dtypes come back as what they are', async (device) => {
      const bools = await orThrow(device.upload(Uint8Array.of(0, 7, 1), aval('bool', 3)))
      assert.equal([...(await orThrow(device.read(bools)))], [0, 1, 1])
      const ints = await orThrow(device.upload(Int32Array.of(-3, 16777216), aval('i32', 2)))
      assert.equal(await orThrow(device.read(ints)), Int32Array.of(-3, 16777216))
      const halves = await orThrow(device.upload(Float32Array.of(1.0001, 70000, 1e-8), aval('f16', 3)))
      assert.equal([...(await orThrow(device.read(halves)))], [1, Infinity, 0])
      device.free([bools, ints, halves])
    })

    const n = 17_000_003
    const long = (recipe: Omit<Recipe, 'inputs' | 'shape'>): Recipe => ({
      ...recipe,
      inputs: [aval('f32', n)],
      shape: [n],
    })
    const loaded = Float32Array.from({ length: n }, (_, i) => i % 65536)
    const far: Readonly<Record<string, { recipe: Recipe; want: (i: number) => number }>> = {
      reversed: {
        recipe: long({ body: ([i]) => load(0, addIndex(constIndex(n - 1), scaleIndex(i!, -1)), 'real') }),
        want: (i) => (n - 1 - i) % 65536,
      },
      'turned by division and remainder': {
        recipe: long({
          body: ([i]) =>
            load(
              0,
              addIndex(scaleIndex(divIndex(i!, 1000), 1000), modIndex(addIndex(i!, constIndex(7)), 1000)),
              'real',
            ),
        }),
        want: (i) => (Math.floor(i / 1000) * 1000 + ((i + 7) % 1000)) % 65536,
      },
      'compared with a position': {
        recipe: long({ body: ([i]) => select(within(i!, 16777217, 16777219), load(0, i!, 'real'), int(-1)) }),
        want: (i) => (i === 16777217 || i === 16777218 ? i % 65536 : -1),
      },
      'its number modulo 10007': {
        recipe: long({ body: ([i]) => ofIndex(modIndex(i!, 10007)) }),
        want: (i) => i % 10007,
      },
    }
    for (const [title, { recipe, want }] of Object.entries(far))
      on(`exact above 2^24 elements: ${title}`, async (device) => {
        // n - 999 leaves the last block whole for the second case.
        const got = await runRecipe(
          device,
          recipe.body === far['turned by division and remainder']!.recipe.body ? shortened(recipe) : recipe,
          [loaded],
        )
        for (let i = 0; i < got.length; i++)
          if (got[i] !== want(i)) assert.unreachable(`${title}: at ${i}: got ${got[i]}, want ${want(i)}`)
      })

    on('exact above 2^24 elements: a loop over the columns of long rows', async (device) => {
      const got = await runRecipe(
        device,
        {
          inputs: [aval('f32', 5, 3_400_000)],
          shape: [5],
          reduce: {
            fn: 'max',
            sizes: [3_400_000],
            body: ([i], [k]) => load(0, flatIndex([i!, k!], [5, 3_400_000]), 'real'),
          },
          body: () => acc('real'),
        },
        [Float32Array.from({ length: 17_000_000 }, (_, i) => (i === 16_999_999 ? 9 : i === 13_599_998 ? 8 : i % 7))],
      )
      assert.equal([...got], [6, 6, 6, 8, 9])
    })
  }

  test('matmul of one step is compiled once for two plans', async () => {
    const device = await openGpujs('webasm')
    const plan = planOf([matmul(x, w)])
    const [first, second] = [await orThrow(device!.compile(plan)), await orThrow(device!.compile(plan))]
    first.dispose()
    first.dispose()
    const inputs = await upload(device!, plan)
    const [out] = await orThrow(second.run(inputs))
    assert.is((await orThrow(device!.read(out!))).length, 198)
    second.dispose()
  })
})

const shortened = (recipe: Recipe): Recipe => ({ ...recipe, shape: [16_999_000] })
