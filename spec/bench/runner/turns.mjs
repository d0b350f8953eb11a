import { fileURLToPath } from 'node:url'
import { startContestant } from './contestant.mjs'

const script = fileURLToPath(new URL('../contestants/emend.mjs', import.meta.url))

/** emend's wasm device with these options, in a process of its own. */
export const startEmend = (options) => startContestant(process.execPath, [script, JSON.stringify(options)])

/** Every request to every contestant, `rounds` times in turn: all milliseconds by contestant. */
export const takeTurns = async (contestants, rounds, request) => {
  const ms = contestants.map(() => [])
  for (let round = 0; round < rounds; round++)
    for (const [i, contestant] of contestants.entries()) ms[i].push(...(await contestant.ask(request)).ms)
  return ms
}
