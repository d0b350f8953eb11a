import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const script = fileURLToPath(new URL('pair.py', import.meta.url))

/** One job of pair.py, to its end: what it printed, by `what`. */
export const runTorch = (python, job) =>
  new Promise((resolve, reject) => {
    const child = spawn(python, [script, JSON.stringify(job)])
    let [out, err] = ['', '']
    child.stdout.on('data', (chunk) => (out += chunk))
    child.stderr.on('data', (chunk) => (err += chunk))
    child.on('error', reject)
    child.on('close', (code) => {
      const answers = out
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line))
      if (code === 0) resolve(Object.fromEntries(answers.map((answer) => [answer.what, answer])))
      else reject(new Error(err.trim().split('\n').at(-1) || `pair.py ended with ${code}`))
    })
  })
