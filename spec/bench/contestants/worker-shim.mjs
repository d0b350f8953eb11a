import { resolveObjectURL } from 'node:buffer'
import { Worker as NodeWorker } from 'node:worker_threads'

// A browser's view of `self` for a script that is written for Web Workers.
const preamble = `
const { parentPort } = require('node:worker_threads')
globalThis.self = globalThis
globalThis.postMessage = (message) => parentPort.postMessage(message)
parentPort.on('message', (data) => self.onmessage({ data }))
`

/**
 * jax-js uses threads where it finds a global Worker, a core count and cross-origin isolation; Node has none of them, and stock
 * Node gives it one thread. This gives it what a browser would, so that it is measured at its best.
 */
export const giveWorkers = (threads) => {
  globalThis.Worker = class {
    #queue = []
    #worker
    constructor(url) {
      void resolveObjectURL(url)
        .text()
        .then((source) => {
          this.#worker = new NodeWorker(preamble + source, { eval: true })
          this.#worker.on('message', (data) => this.onmessage?.({ data }))
          this.#worker.on('error', (error) => this.onerror?.({ message: String(error) }))
          for (const message of this.#queue) this.#worker.postMessage(message)
        })
    }
    postMessage(message) {
      if (this.#worker === undefined) this.#queue.push(message)
      else this.#worker.postMessage(message)
    }
    terminate() {
      void this.#worker?.terminate()
    }
  }
  const navigator = { hardwareConcurrency: threads, userAgent: 'node' }
  Object.defineProperty(globalThis, 'navigator', { value: navigator, configurable: true })
  globalThis.crossOriginIsolated = true
}
