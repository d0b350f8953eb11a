import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const call = promisify(execFile)
export const peers = fileURLToPath(new URL('../peers/', import.meta.url))

const reasonOf = (error) =>
  (error.stderr || error.message)
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .at(-1)

/** The peers from the registry, into spec/bench/peers/node_modules. Gives why they cannot be had, or undefined. */
export const installPackages = async () => {
  const lock = readFileSync(join(peers, 'package-lock.json'))
  const installed = join(peers, 'node_modules', '.package-lock.json')
  const wanted = JSON.parse(lock).packages
  if (existsSync(installed)) {
    const have = JSON.parse(readFileSync(installed)).packages
    if (Object.keys(have).every((name) => have[name].version === wanted[name]?.version)) return undefined
  }
  try {
    await call('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: peers })
    return undefined
  } catch (error) {
    return `npm ci: ${reasonOf(error)}`
  }
}

const hasTorch = (python) =>
  call(python, ['-c', 'import torch']).then(
    () => true,
    () => false,
  )

/** A Python with PyTorch: EMEND_TORCH_PYTHON, or a virtual environment in spec/bench/peers/venv. { python } or { reason }. */
export const findTorch = async () => {
  const given = process.env.EMEND_TORCH_PYTHON
  if (given !== undefined)
    return (await hasTorch(given)) ? { python: given } : { reason: `${given} cannot import torch` }
  const python = join(peers, 'venv', 'bin', 'python')
  if (await hasTorch(python)) return { python }
  try {
    await call('python3', ['-m', 'venv', join(peers, 'venv')])
    await call(python, ['-m', 'pip', 'install', '--quiet', '--retries', '0', 'torch', 'numpy'])
    return (await hasTorch(python)) ? { python } : { reason: 'torch was installed and cannot be imported' }
  } catch (error) {
    return { reason: `PyTorch: ${reasonOf(error)}` }
  }
}
