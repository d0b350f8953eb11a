import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { describe } from '../harness'
import { houseFaults, mostLines, showFaults, type Fault } from './rules'
import { houseFiles, houseFolders, importsOf, type SourceFile } from './source-file'

const root = fileURLToPath(new URL('../..', import.meta.url))

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>
  readonly peerDependencies: Readonly<Record<string, string>>
}
const manifest = JSON.parse(readFileSync(`${root}/package.json`, 'utf8')) as Manifest
const shipped = new Set([...Object.keys(manifest.dependencies), ...Object.keys(manifest.peerDependencies)])

/** A house of the given files, and only these. */
const houseOf = (files: Readonly<Record<string, string>>): readonly SourceFile[] =>
  Object.entries(files).map(([path, text]) => ({ path, text }))

const faultsOf = (files: Readonly<Record<string, string>>): readonly Fault[] =>
  houseFaults(houseOf(files), new Set(['fp-ts', 'gpu.js', 'io-ts']))

/** A sound little house: every specimen is this with something added or changed. */
const sound = {
  'core/index.ts': `export * from './op'\n`,
  'core/op.ts': `import type { Walk } from './walk'\nexport const op = (w: Walk) => w\n`,
  'core/walk.ts': `import { op } from './op'\nexport type Walk = typeof op\n`,
  'autodiff/index.ts': `import { op } from '../core'\nexport const grad = op\n`,
  'kernels/index.ts': `export { op } from '../core'\nexport const load = async () => import('fp-ts/Either')\n`,
  'kernels/devices/gpujs/engine.ts': `export const load = async () => import('gpu.js')\n`,
  'models/index.ts': `import { op } from '../core'\nexport const model = op\n`,
  'training/index.ts': `import * as t from 'io-ts'\nimport { model } from '../models'\nexport const step = [t, model]\n`,
  'spec/step.spec.ts': `import fc from 'fast-check'\nimport { step } from '../training'\nexport default [fc, step]\n`,
}

// Put together here, so that this file does not itself hold what it forbids.
const draw = ['Math', 'random()'].join('.')
const silence = ['// eslint', 'disable-next-line'].join('-')
const ignore = ['@ts', 'expect-error'].join('-')

/** What is added, and the one fault it must give. */
const specimens: readonly (readonly [Fault['rule'], string, string, Readonly<Record<string, string>>])[] = [
  ['direction', 'core/a.ts', 'core importing autodiff', { 'core/a.ts': `import { grad } from '../autodiff'` }],
  ['direction', 'core/a.ts', 'a type counts', { 'core/a.ts': `import type { grad } from '../autodiff'` }],
  ['direction', 'core/a.ts', 'so does a type by import()', { 'core/a.ts': `export type G = import('../autodiff').G` }],
  ['direction', 'autodiff/a.ts', 'autodiff importing kernels', { 'autodiff/a.ts': `export * from '../kernels'` }],
  ['direction', 'kernels/a.ts', 'kernels importing models', { 'kernels/a.ts': `export * as m from '../models'` }],
  ['direction', 'models/a.ts', 'models importing autodiff', { 'models/a.ts': `import '../autodiff'` }],
  ['direction', 'models/b/c.ts', 'lazily', { 'models/b/c.ts': `export const f = () => import('../../training')` }],
  ['direction', 'training/a.ts', 'training importing spec', { 'training/a.ts': `import x from '../spec/step.spec'` }],
  ['target', 'core/a.ts', 'no such file', { 'core/a.ts': `import { x } from './gone'` }],
  ['cycle', 'core/a.ts', 'a file importing itself', { 'core/a.ts': `import * as a from './a'` }],
  ['cycle', 'core/a.ts', 'two files', { 'core/a.ts': `import './b'`, 'core/b.ts': `import { type A } from './a'` }],
  [
    'cycle',
    'core/c.ts',
    'three, one of them lazy, entered from outside',
    {
      'core/a.ts': `import './c'`,
      'core/c.ts': `import './d'`,
      'core/d.ts': `export { e } from './e'`,
      'core/e.ts': `export const e = () => import('./c')`,
    },
  ],
  ['package', 'core/a.ts', 'a package that is not shipped', { 'core/a.ts': `import fc from 'fast-check'` }],
  ['package', 'training/a.ts', 'gpu.js elsewhere', { 'training/a.ts': `import { GPU } from 'gpu.js'` }],
  ['package', 'kernels/a.ts', 'io-ts elsewhere', { 'kernels/a.ts': `import type * as t from 'io-ts'` }],
  ['name', 'core/utils.ts', 'a vague name', { 'core/utils.ts': '' }],
  ['name', 'spec/kit/helper.spec.ts', 'of a spec', { 'spec/kit/helper.spec.ts': '' }],
  ['name', 'training/common/a.ts', 'of a folder', { 'training/common/a.ts': '' }],
  ['length', 'core/a.ts', 'a long file', { 'core/a.ts': '\n'.repeat(mostLines + 1) }],
  ['leak', 'core/a.ts', 'unseeded, in kernel text', { 'core/a.ts': `export const source = 'x + ${draw}'` }],
  ['leak', 'core/a.ts', 'in a template', { 'core/a.ts': 'export const f = (x: string) => `${x} + ' + draw + '`' }],
  ['leak', 'spec/run.mjs', 'where no linter looks', { 'spec/run.mjs': `export const x = ${draw}` }],
  ['leak', 'spec/run.mjs', 'by name', { 'spec/run.mjs': `export const x = ${draw.slice(0, 4)}['random']()` }],
  ['leak', 'core/a.ts', 'a silenced linter', { 'core/a.ts': `${silence}\nexport const x = 1` }],
  ['leak', 'core/a.ts', 'silenced without a reason', { 'core/a.ts': `${silence} no-var\nvar x = 1` }],
  ['leak', 'core/a.ts', 'silenced on a firm rule', { 'core/a.ts': `${silence} no-restricted-syntax -- why not` }],
  ['leak', 'core/a.ts', 'a silenced type-checker', { 'core/a.ts': `// ${ignore}\nexport const x = 1` }],
  ['leak', 'core/a.ts', 'any', { 'core/a.ts': `export const f = (x: any): void => x` }],
  ['leak', 'core/a.ts', 'any, deep in a type', { 'core/a.ts': `export type A = ReadonlyMap<string, readonly any[]>` }],
]

describe('house/imports', (test) => {
  const files = houseFiles(root)

  test('every file obeys the directions, has no cycle, a name that says what it is, and a size that can be read', () => {
    for (const folder of houseFolders)
      assert.ok(
        files.some((f) => f.path.startsWith(`${folder}/`)),
        folder,
      )
    assert.ok(files.flatMap(importsOf).length > files.length, 'the imports are found')
    assert.is(showFaults(houseFaults(files, shipped)), '')
  })

  test('a sound house has no fault: cycles of types are none, words are not types, spec may import what is not shipped', () => {
    assert.is(showFaults(faultsOf(sound)), '')
    const words = `// no ${draw}, no error of any kind: any\n${silence} no-var -- told why\nexport const any = { any: 'as any' }\n`
    assert.is(showFaults(faultsOf({ ...sound, 'core/a.ts': words })), '')
    assert.is(showFaults(faultsOf({ ...sound, 'core/a.ts': '\n'.repeat(mostLines) })), '')
  })

  for (const [rule, path, title, added] of specimens)
    test(`control: ${rule}: ${title}`, () => {
      const faults = faultsOf({ ...sound, ...added })
      assert.equal(
        faults.map((f) => [f.rule, f.path]),
        [[rule, path]],
        showFaults(faults),
      )
    })

  test('a cycle is told file by file, a direction with what is allowed', () => {
    const cycle = faultsOf({ ...sound, 'core/a.ts': `import './b'`, 'core/b.ts': `import './a'` })
    assert.is(showFaults(cycle), 'cycle: core/a.ts: core/a.ts -> core/b.ts -> core/a.ts')
    const upward = faultsOf({ ...sound, 'core/a.ts': `import '../models'` })
    assert.is(showFaults(upward), 'direction: core/a.ts: imports models/index.ts; core may import nothing of ours')
  })
})
