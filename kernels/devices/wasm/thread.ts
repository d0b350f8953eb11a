import type { makeRunner, Operation, ProgramPlace } from './worker'
import type { WasmMemory, WasmModule } from './wasm-api'

/** What the main thread tells a worker. */
export type ToWorker =
  | { readonly kind: 'memory'; readonly memory: WasmMemory; readonly scratch: number }
  | {
      readonly kind: 'load'
      readonly program: number
      readonly module: WasmModule
      readonly functions: readonly string[]
      readonly ops: number
    }
  | { readonly kind: 'run'; readonly program: number; readonly place: ProgramPlace; readonly timed: boolean }
  | { readonly kind: 'drop'; readonly program: number }

/** What a worker answers. */
export type FromWorker =
  | { readonly kind: 'ready' }
  | { readonly kind: 'done'; readonly times: Float64Array | null }
  | { readonly kind: 'aborted' }
  | { readonly kind: 'failed'; readonly message: string }

export interface Port {
  readonly onMessage: (receive: (message: ToWorker) => void) => void
  readonly post: (message: FromWorker) => void
}

/** The life of a thread. Self-contained, as `makeRunner` is: its text is the worker's source. */
export const threadMain = (port: Port, runner: ReturnType<typeof makeRunner>): void => {
  const api = (
    globalThis as unknown as {
      WebAssembly: { Instance: new (m: object, i: object) => { exports: Record<string, Operation> } }
    }
  ).WebAssembly
  const programs = new Map<number, { functions: Operation[]; times: Float64Array }>()
  let memory: WasmMemory | undefined
  let scratch = 0
  const handle = (message: ToWorker): FromWorker | undefined => {
    switch (message.kind) {
      case 'memory':
        memory = message.memory
        scratch = message.scratch
        return { kind: 'ready' }
      case 'load': {
        const { exports } = new api.Instance(message.module, { env: { memory, sin: Math.sin, cos: Math.cos } })
        programs.set(message.program, {
          functions: message.functions.map((name) => exports[name]!),
          times: new Float64Array(message.ops),
        })
        return { kind: 'ready' }
      }
      case 'run': {
        const { functions, times } = programs.get(message.program)!
        times.fill(0)
        const finished = runner(memory!, message.place, functions, scratch, message.timed ? times : null)
        return finished ? { kind: 'done', times: message.timed ? times : null } : { kind: 'aborted' }
      }
      case 'drop':
        programs.delete(message.program)
        return undefined
    }
  }
  port.onMessage((message) => {
    try {
      const answer = handle(message)
      if (answer !== undefined) port.post(answer)
    } catch (error) {
      port.post({ kind: 'failed', message: error instanceof Error ? error.message : String(error) })
    }
  })
}
