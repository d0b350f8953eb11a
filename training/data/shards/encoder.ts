import { Worker } from 'node:worker_threads'
import * as E from 'fp-ts/Either'
import { runError, type Fault } from '../../fault'
import { requireSpecials } from '../tokenizer/specials'
import type { Tokenizer } from '../tokenizer/tokenizer'
import { encodeDocument, type TextSettings } from '../pack'
import type { EncodedDocument } from '../packing'
import type { EncodeReply, EncodeRequest, EncodeSetup } from './encode-worker'

/** Turns texts into ids, several lots of them at once. */
export interface Encoder {
  /** Lots that are worked on at once. */
  readonly width: number
  readonly encode: (texts: readonly string[]) => Promise<E.Either<Fault, readonly EncodedDocument[]>>
  readonly close: () => Promise<void>
}

/** In this thread, when asked. left  the tokenizer lacks a special token */
export const localEncoder = (tokenizer: Tokenizer, settings: TextSettings): E.Either<Fault, Encoder> => {
  const specials = requireSpecials(tokenizer)
  if (E.isLeft(specials)) return specials
  return E.right({
    width: 1,
    encode: (texts) =>
      Promise.resolve(E.right(texts.map((text) => encodeDocument(tokenizer, specials.right, text, settings)))),
    close: () => Promise.resolve(),
  })
}

/** encode-worker.ts, bundled beside the chunk that this file is in. */
const besideThis = new URL('./encode-worker.js', import.meta.url)

interface Job {
  readonly texts: readonly string[]
  readonly done: (encoded: E.Either<Fault, readonly EncodedDocument[]>) => void
}

/** On so many threads, each with the tokenizer of its own. A thread that ends early fails what is under way, once. */
export const threadEncoder = (
  tokenizer: Tokenizer,
  settings: TextSettings,
  threads: number,
  program: URL = besideThis,
): E.Either<Fault, Encoder> => {
  const specials = requireSpecials(tokenizer)
  if (E.isLeft(specials)) return specials
  const setup: EncodeSetup = { tokenizer: tokenizer.toJson(), settings }
  const waiting: Job[] = []
  const running = new Map<Worker, Job | undefined>()
  let failed: Fault | undefined
  const fail = (reason: string): void => {
    failed ??= runError('encoding thread', '', 'an answer', reason, 'what was finished is kept; --threads 1 takes less memory') // prettier-ignore
    for (const job of [...running.values(), ...waiting.splice(0)]) job?.done(E.left(failed))
    running.clear()
  }
  const next = (): void => {
    for (const [worker, job] of running) {
      if (job !== undefined) continue
      const taken = waiting.shift()
      if (taken === undefined) return
      running.set(worker, taken)
      worker.postMessage({ texts: taken.texts } satisfies EncodeRequest)
    }
  }
  const workers = Array.from({ length: threads }, () => {
    const worker = new Worker(program, { workerData: setup })
    running.set(worker, undefined)
    worker.on('message', ({ documents }: EncodeReply) => {
      const job = running.get(worker)
      running.set(worker, undefined)
      next()
      job?.done(E.right(documents))
    })
    worker.on('error', (error: Error) => fail(error.message))
    worker.on('exit', (code) => running.has(worker) && fail(`exit code ${code}`))
    return worker
  })
  return E.right({
    width: threads,
    encode: (texts) =>
      new Promise((done) => {
        if (failed !== undefined) return done(E.left(failed))
        waiting.push({ texts, done })
        next()
      }),
    close: async () => {
      running.clear()
      await Promise.all(workers.map((worker) => worker.terminate()))
    },
  })
}
