import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

/** The process of a contestant ended before it answered; the message is the last it said. */
export class Gone extends Error {}

/** Start a contestant (see serve.mjs): `ask` sends one request and gives its answer. Throws Gone if it never gets ready. */
export const startContestant = async (command, args, cwd) => {
  const child = spawn(command, args, { cwd, stdio: ['pipe', 'pipe', 'pipe'] })
  let said = ''
  child.stderr.on('data', (chunk) => (said = (said + chunk).slice(-4000)))
  const ended = new Promise((resolve) => {
    child.on('error', (error) => resolve(error.message))
    child.on('close', (code, signal) => resolve(lastError(said) ?? `ended with ${signal ?? code}`))
  })
  child.stdin.on('error', () => undefined) // it has ended: `ended` tells why
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const answer = async () => {
    for (;;) {
      const next = await Promise.race([lines.next(), ended.then((why) => ({ done: true, why }))])
      if (next.done) throw new Gone(next.why ?? (await ended))
      if (next.value.startsWith('{')) return JSON.parse(next.value)
    }
  }
  const { ready } = await answer()
  return {
    ...ready,
    ask: (request) => {
      child.stdin.write(`${JSON.stringify(request)}\n`)
      return answer()
    },
    stop: async () => {
      child.stdin.end()
      await ended
    },
  }
}

/** The line of an error, not of its stack. */
const lastError = (said) => {
  const lines = said.split('\n').map((line) => line.trim())
  return lines.findLast((line) => /Error\b.*:/.test(line)) ?? lines.findLast((line) => line !== '')
}
