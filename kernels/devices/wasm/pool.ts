import type { Blas } from './blas'
import { threadMain, type FromWorker, type ToWorker } from './thread'
import type { WasmMemory } from './wasm-api'
import { makeRunner } from './worker'

/** Threads that all do what they are told, and answer together. A thread that fails or ends fails the whole. */
export interface Pool {
  readonly threads: number
  /** Tell every thread the same; the answers in order of threads. Rejects with the first failure. */
  readonly tell: (message: ToWorker) => Promise<readonly FromWorker[]>
  /** Called once a thread has failed, so that the others stop waiting for it. */
  onFailure: (() => void) | undefined
  readonly close: () => Promise<void>
}

/** One thread, in Node or in a browser. */
interface Thread {
  readonly post: (message: ToWorker) => void
  readonly hold: (busy: boolean) => void
  readonly end: () => Promise<void>
}
type Listener = (event: FromWorker | { readonly kind: 'ended'; readonly reason: string }) => void

const source = (): string => `
const __name = (f) => f;
const runner = (${makeRunner.toString()})();
(${threadMain.toString()})(port, runner);`

export const openPool = async (
  memory: WasmMemory,
  scratches: readonly number[],
  shared: boolean,
  blas: Blas | null,
): Promise<Pool> => {
  if (!shared) return inlinePool(memory, scratches[0]!)
  const pending = new Map<number, { readonly resolve: (m: FromWorker) => void; readonly reject: (e: Error) => void }>()
  let broken: Error | undefined
  const fail = (reason: string): void => {
    broken ??= new Error(reason)
    pool.onFailure?.()
    for (const { reject } of [...pending.values()]) reject(broken)
    pending.clear()
  }
  let closing = false
  const start = await starter()
  const threads = scratches.map((_, i) =>
    start((event) => {
      if (closing) return
      if (event.kind === 'ended') fail(`thread ${i} of ${scratches.length} ended: ${event.reason}`)
      else if (event.kind === 'failed') fail(`thread ${i} of ${scratches.length} failed: ${event.message}`)
      else {
        pending.get(i)?.resolve(event)
        pending.delete(i)
      }
    }),
  )
  const ask = (thread: Thread, i: number, message: ToWorker): Promise<FromWorker> =>
    new Promise((resolve, reject) => {
      if (broken !== undefined) return reject(broken)
      pending.set(i, { resolve, reject })
      thread.post(message)
    })
  const pool: Pool = {
    threads: threads.length,
    onFailure: undefined,
    tell: async (message) => {
      if (message.kind === 'drop') {
        threads.forEach((t) => t.post(message))
        return []
      }
      threads.forEach((t) => t.hold(true))
      try {
        return await Promise.all(threads.map((t, i) => ask(t, i, message)))
      } finally {
        threads.forEach((t) => t.hold(false))
      }
    },
    close: async () => {
      closing = true
      await Promise.all(threads.map((t) => t.end()))
    },
  }
  try {
    await Promise.all(threads.map((t, i) => ask(t, i, { kind: 'memory', memory, scratch: scratches[i]!, blas })))
  } catch (error) {
    await pool.close()
    throw error
  }
  threads.forEach((t) => t.hold(false))
  return pool
}

/** No shared memory here: the work is done where it is asked for. */
const inlinePool = (memory: WasmMemory, scratch: number): Pool => {
  let receive: (message: ToWorker) => void = () => undefined
  let answer: FromWorker | undefined
  threadMain({ onMessage: (f) => (receive = f), post: (m) => (answer = m) }, makeRunner())
  const ask = (message: ToWorker): FromWorker | undefined => {
    answer = undefined
    receive(message)
    return answer
  }
  ask({ kind: 'memory', memory, scratch, blas: null })
  return {
    threads: 1,
    onFailure: undefined,
    tell: (message) => {
      const got = ask(message)
      return got?.kind === 'failed'
        ? Promise.reject(new Error(got.message))
        : Promise.resolve(got === undefined ? [] : [got])
    },
    close: () => Promise.resolve(),
  }
}

type Start = (listen: Listener) => Thread

const isNode = (): boolean => typeof process !== 'undefined' && process.versions?.node !== undefined

const starter = async (): Promise<Start> => (isNode() ? nodeStarter() : browserStarter())

const nodeStarter = async (): Promise<Start> => {
  const { Worker } = await import('node:worker_threads')
  const text = `const { parentPort } = require('node:worker_threads');
const port = { onMessage: (f) => parentPort.on('message', f), post: (m) => parentPort.postMessage(m), require };
${source()}`
  return (listen) => {
    const worker = new Worker(text, { eval: true, execArgv: [] })
    worker.on('message', listen)
    worker.on('error', (error: Error) => listen({ kind: 'ended', reason: error.message }))
    worker.on('exit', (code) => listen({ kind: 'ended', reason: `exit code ${code}` }))
    return {
      post: (m) => worker.postMessage(m),
      hold: (busy) => (busy ? worker.ref() : worker.unref()),
      end: async () => {
        await worker.terminate()
      },
    }
  }
}

/** The parts of a browser's Worker that are used here: Node's types do not have them. */
interface WebWorker {
  onmessage: ((e: { readonly data: FromWorker }) => void) | null
  onerror: ((e: { readonly message?: string }) => void) | null
  postMessage(m: ToWorker): void
  terminate(): void
}
interface BrowserGlobals {
  readonly Worker: new (url: string) => WebWorker
  readonly URL: { createObjectURL(blob: Blob): string; revokeObjectURL(url: string): void }
}

const browserStarter = (): Promise<Start> => {
  const { Worker, URL } = globalThis as unknown as BrowserGlobals
  const text = `const port = { onMessage: (f) => { onmessage = (e) => f(e.data) }, post: (m) => postMessage(m) };
${source()}`
  return Promise.resolve((listen) => {
    const url = URL.createObjectURL(new Blob([text], { type: 'text/javascript' }))
    const worker = new Worker(url)
    worker.onmessage = (e) => listen(e.data)
    worker.onerror = (e) => listen({ kind: 'ended', reason: e.message ?? 'error' })
    return {
      post: (m) => worker.postMessage(m),
      hold: () => undefined,
      end: () => {
        worker.terminate()
        URL.revokeObjectURL(url)
        return Promise.resolve()
      },
    }
  })
}
