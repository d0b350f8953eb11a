import type { Blas } from './blas'
import { threadMain, type FromWorker, type ToWorker } from './thread'
import type { WasmMemory } from './wasm-api'
import { makeRunner } from './worker'
import { isNode } from '../host-kind'

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

/** A thread failed or ended. */
export class ThreadFailure extends Error {}

/** The pool was closed: nobody will answer. */
export class Closed extends Error {}

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
  /** Who waits for an answer of each thread: threads answer in the order in which they were asked. */
  const waiting: { readonly resolve: (m: FromWorker) => void; readonly reject: (e: Error) => void }[][] = []
  let broken: Error | undefined
  const fail = (error: Error): void => {
    broken ??= error
    pool.onFailure?.()
    for (const queue of waiting) for (const { reject } of queue.splice(0)) reject(broken)
  }
  const start = await starter()
  const threads = scratches.map((_, i) => {
    waiting.push([])
    return start((event) => {
      if (event.kind === 'ended') fail(new ThreadFailure(`thread ${i} of ${scratches.length} ended: ${event.reason}`))
      else if (event.kind === 'failed')
        fail(new ThreadFailure(`thread ${i} of ${scratches.length} failed: ${event.message}`))
      else waiting[i]!.shift()?.resolve(event)
    })
  })
  const ask = (thread: Thread, i: number, message: ToWorker): Promise<FromWorker> =>
    new Promise((resolve, reject) => {
      if (broken !== undefined) return reject(broken)
      waiting[i]!.push({ resolve, reject })
      thread.post(message)
    })
  let asked = 1 // threads begin held: until they have the memory
  const hold = (by: 1 | -1): void => {
    asked += by
    if (asked === (by === 1 ? 1 : 0)) threads.forEach((t) => t.hold(asked > 0))
  }
  const pool: Pool = {
    threads: threads.length,
    onFailure: undefined,
    tell: async (message) => {
      if (message.kind === 'drop') {
        threads.forEach((t) => t.post(message))
        return []
      }
      hold(1)
      try {
        return await Promise.all(threads.map((t, i) => ask(t, i, message)))
      } finally {
        hold(-1)
      }
    },
    close: async () => {
      fail(new Closed())
      await Promise.all(threads.map((t) => t.end()))
    },
  }
  try {
    await Promise.all(threads.map((t, i) => ask(t, i, { kind: 'memory', memory, scratch: scratches[i]!, blas })))
  } catch (error) {
    await pool.close()
    throw error
  }
  hold(-1)
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
  let isClosed = false
  return {
    threads: 1,
    onFailure: undefined,
    tell: (message) => {
      if (isClosed && message.kind !== 'drop') return Promise.reject(new Closed())
      const got = ask(message)
      return got?.kind === 'failed'
        ? Promise.reject(new ThreadFailure(got.message))
        : Promise.resolve(got === undefined ? [] : [got])
    },
    close: () => {
      isClosed = true
      return Promise.resolve()
    },
  }
}

type Start = (listen: Listener) => Thread

const starter = async (): Promise<Start> => (isNode() ? nodeStarter() : browserStarter())

const nodeStarter = async (): Promise<Start> => {
  const { Worker } = await import('node:worker_threads')
  const text = `const { parentPort } = require('node:worker_threads');
const port = { onMessage: (f) => parentPort.on('message', f), post: (m) => parentPort.postMessage(m), require };
${source()}`
  return (listen) => {
    const worker = new Worker(text, { eval: true, execArgv: [] })
    let isEnding = false
    worker.on('message', listen)
    worker.on('error', (error: Error) => listen({ kind: 'ended', reason: error.message }))
    worker.on('exit', (code) => listen({ kind: 'ended', reason: `exit code ${code}` }))
    return {
      post: (m) => worker.postMessage(m),
      hold: (busy) => {
        if (isEnding) return
        if (busy) worker.ref()
        else worker.unref()
      },
      end: async () => {
        isEnding = true
        worker.ref() // or the process may end before its end is heard of
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
