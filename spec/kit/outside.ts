import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** What the example package prints, and how it ends. */
export interface OutsideRun {
  readonly stdout: string
  readonly stderr: string
  readonly status: number | null
}

/**
 * Run the example package as its user would: in a folder of its own where `emend` is installed (a link to the built package in
 * `root`) and fast-check beside it.
 * throws  if the package has not been built
 */
export const runOutside = (root: string, example: string): OutsideRun => {
  for (const file of ['dist/core.js', 'dist/autodiff.js', 'dist/spec.js'])
    if (!existsSync(join(root, file))) throw new Error(`${file} is missing: run \`npm run build\` first`)
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'emend-outside-')))
  try {
    cpSync(example, folder, { recursive: true })
    mkdirSync(join(folder, 'node_modules'))
    symlinkSync(root, join(folder, 'node_modules', 'emend'), 'junction')
    symlinkSync(join(root, 'node_modules', 'fast-check'), join(folder, 'node_modules', 'fast-check'), 'junction')
    const { stdout, stderr, status } = spawnSync(process.execPath, ['check.js'], {
      cwd: folder,
      encoding: 'utf8',
      timeout: 120_000,
      env: { ...process.env, NODE_OPTIONS: '' }, // no loader of ours: plain Node
    })
    return { stdout, stderr, status }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
