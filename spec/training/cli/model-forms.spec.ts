import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { describe } from '../../harness'
import { emend, jsonLines, workshop, type CliResult } from './run-cli'

const { folder, ...shop } = workshop()
const pretrain = (out: string, ...more: readonly string[]): Promise<CliResult> =>
  shop.pretrain(out, ['--device', 'wasm', ...more])

describe('training/cli: positions, sharing, init', (test) => {
  for (const [positions, sharing, init] of [
    ['tupe-r', 'gdes', 'deepnorm'],
    ['absolute', 'none', 'megatron'],
    ['relative-t5', 'token-pos-norm', 'depth'],
    ['tupe-a', 'token-pos', 'normal'],
  ] as const)
    test(`${positions}, ${sharing}, ${init}: trains, is written down, and corrects`, async () => {
      const ran = await pretrain(positions, '--positions', positions, '--sharing', sharing, '--init', init)
      assert.is(ran.code, 0, ran.stderr)
      const lines = jsonLines(ran.stdout).filter((line) => 'loss' in line)
      assert.is(lines.length, 12)
      for (const line of lines)
        for (const key of ['loss', 'mlm', 'clm', 'rtd']) assert.ok(Number.isFinite(line[key]), key)
      const written = JSON.parse(readFileSync(join(folder, positions, 'config.json'), 'utf8')) as Record<
        string,
        unknown
      >
      assert.equal([written['positions'], written['sharing'], written['init']], [positions, sharing, init])
      const corrected = await emend([
        'correct',
        '--from',
        join(folder, positions),
        '--json',
        'The people of the states.',
      ])
      assert.is(corrected.code, 0, corrected.stderr)
    })

  test('another form cannot take up a run', async () => {
    const resumed = await pretrain('tupe-a', '--positions', 'relative', '--sharing', 'token-pos', '--resume')
    assert.is(resumed.code, 2)
    assert.match(
      resumed.stderr,
      /expected the config of the checkpoint \(.*positions = "tupe-a"\), got .*positions = "relative"/,
    )
  })

  test('plan counts what a form has', async () => {
    const of = async (...more: readonly string[]): Promise<number> => {
      const planned = await emend(['plan', '--preset', 'tiny', '--vocab', '300', '--seq', '16', '--json', ...more])
      assert.is(planned.code, 0, planned.stderr)
      return (jsonLines(planned.stdout)[0]!['parameters'] as { readonly total: number }).total
    }
    const [D, V, T, H, buckets] = [128, 300, 16, 4, 32]
    const relative = await of()
    assert.is((await of('--positions', 'absolute')) - relative, -2 * buckets * H)
    const tupe = (T + 1) * D + 2 * D + 2 * (D * D + D) - T * D
    assert.is((await of('--positions', 'tupe-r')) - relative, 2 * (tupe + H))
    assert.is((await of('--sharing', 'none')) - relative, V * D)
    assert.is((await of('--sharing', 'token-pos-norm')) - relative, -T * D - 2 * D)
    assert.is((await of('--sharing', 'gdes')) - relative, V * D)
  })

  for (const [flag, names] of [
    ['--positions', 'absolute | relative | relative-t5 | tupe-a | tupe-r'],
    ['--sharing', 'none | token | token-pos | token-pos-norm | gdes'],
    ['--init', 'normal | megatron | depth | deepnorm'],
  ] as const)
    test(`${flag} of no such name is refused`, async () => {
      const ran = await pretrain('bad', flag, 'rotary')
      assert.is(ran.code, 2)
      assert.ok(ran.stderr.includes(`${flag.slice(2)}: expected ${names}, got "rotary"`), ran.stderr)
    })
})
