import { createInterface } from 'node:readline'
import { peakRssMb, rssMb, timeCalls, warmUp } from './measure.mjs'

/**
 * A contestant in a process of its own, which the runner lets work in turn: one request a line on standard input, one answer a
 * line on standard output.
 *   { do: 'step', times }        { ms: [...], losses: [...] }
 *   { do: 'matmul', n, times }   { ms: [...] }
 *   { do: 'memory' }             { rssMb, nowMb }: resident, the peak so far and at present
 * The first line it writes is { ready: { version, backend, threads } }.
 * contestant  { version, backend, threads, openStep: () => () => loss, openMatmul: (n) => () => void }, all of which may be async;
 *             own: answers to requests of its own, by name
 */
export const serve = async ({ openStep, openMatmul, own = {}, ...about }) => {
  const tell = (answer) => void process.stdout.write(`${JSON.stringify(answer)}\n`)
  let step
  let product
  const answers = {
    step: async ({ times }) => {
      step ??= await openStep()
      const losses = []
      const ms = await timeCalls(times, async () => losses.push(await step()))
      return { ms, losses }
    },
    matmul: async ({ n, times }) => {
      if (product?.n !== n) {
        product = { n, call: await openMatmul(n) }
        await warmUp(product.call, 1.5, 20)
      }
      return { ms: await timeCalls(times, product.call) }
    },
    memory: () => ({ rssMb: peakRssMb(), nowMb: rssMb() }),
    ...own,
  }
  tell({ ready: about })
  for await (const line of createInterface({ input: process.stdin })) {
    const request = JSON.parse(line)
    tell(await answers[request.do](request))
  }
  process.exit(0)
}
