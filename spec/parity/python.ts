import { spawn } from 'node:child_process'
import { homedir } from 'node:os'
import { join } from 'node:path'

export interface Output {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A program run to its end on a text: code null if there is no such program or a signal ended it. */
export const run = (command: string, args: readonly string[], input: string): Promise<Output> =>
  new Promise((done) => {
    const child = spawn(command, args)
    let [stdout, stderr] = ['', '']
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
    child.on('error', (error) => done({ code: null, stdout, stderr: error.message }))
    child.on('close', (code) => done({ code, stdout, stderr }))
    child.stdin.on('error', () => undefined) // it ended before it had read all: its code says so
    child.stdin.end(input)
  })

const candidates = (): readonly string[] => {
  const named = process.env['EMEND_TORCH_PYTHON'] ?? ''
  const own = join(homedir(), '.cache', 'emend-torch', 'bin', 'python')
  return [...(named === '' ? [] : [named]), own, 'python3', '/usr/bin/python3']
}

/** Whether it has all of some modules, without the seconds that importing them takes. */
const looksFor = (modules: readonly string[]): string =>
  `import importlib.util as u, sys; sys.exit(any(u.find_spec(m) is None for m in ${JSON.stringify(modules)}))`

const search = async (modules: readonly string[]): Promise<string | null> => {
  for (const python of candidates()) if ((await run(python, ['-c', looksFor(modules)], '')).code === 0) return python
  console.log(`\nSKIP parity: none of ${candidates().join(', ')} has ${modules.join(' and ')}`)
  return null
}

const found = new Map<string, Promise<string | null>>()

/** The Python with some modules, looked for once; where there is none a SKIP line says so, which CI counts as a failure. */
export const pythonWith = (...modules: readonly string[]): Promise<string | null> => {
  const key = modules.join(' ')
  const searched = found.get(key) ?? search(modules)
  found.set(key, searched)
  return searched
}
