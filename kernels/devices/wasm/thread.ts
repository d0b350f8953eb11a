import type { Blas } from './blas'
import type { makeRunner, Operation, ProgramPlace } from './worker'
import type { WasmMemory, WasmModule } from './wasm-api'

/** What the main thread tells a worker. */
export type ToWorker =
  | { readonly kind: 'memory'; readonly memory: WasmMemory; readonly scratch: number; readonly blas: Blas | null }
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

/** The parts of koffi that are used: it is found at run time, and may be missing. */
interface Koffi {
  readonly load: (name: string) => {
    readonly func: (prototype: string) => (...args: readonly (number | bigint)[]) => void
  }
  readonly address: (view: Float32Array) => bigint
}

export interface Port {
  readonly onMessage: (receive: (message: ToWorker) => void) => void
  readonly post: (message: FromWorker) => void
  /** Node's: bundlers would rewrite one that stood in the text. */
  readonly require?: (path: string) => unknown
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
  let sgemm: Operation | undefined
  /** Calls of cblas_sgemm on the shared memory; the words are those of blas-calls.ts. */
  const openBlas = ({ koffi, library }: Blas, buffer: ArrayBuffer): Operation => {
    const ffi = port.require!(koffi) as Koffi
    const lib = ffi.load(library)
    // Each thread takes its own share: the library must not start threads besides.
    for (const name of ['openblas_set_num_threads', 'MKL_Set_Num_Threads', 'bli_thread_set_num_threads'])
      try {
        lib.func(`void ${name}(int)`)(1)
      } catch {
        // another library's name
      }
    const call = lib.func(
      'void cblas_sgemm(int, int, int, int, int, int, float, void *, int, void *, int, float, void *, int)',
    )
    const base = ffi.address(new Float32Array(buffer, 0, 4))
    return (args) => {
      const words = new Int32Array(memory!.buffer)
      const w = args >>> 2
      const at = (i: number): number => words[w + i]! >>> 0
      for (let i = 4, left = words[w + 3]!; left > 0; left--, i += 12) {
        const [ta, tb, m, n, k, a, lda, b, ldb, adds, c, ldc] = words.subarray(w + i, w + i + 12) as unknown as number[]
        const pointer = (operand: number, moved: number): bigint => base + BigInt(at(operand) + (moved >>> 0))
        call(101, ta!, tb!, m!, n!, k!, 1, pointer(1, a!), lda!, pointer(2, b!), ldb!, adds!, pointer(0, c!), ldc!)
      }
    }
  }
  const handle = (message: ToWorker): FromWorker | undefined => {
    switch (message.kind) {
      case 'memory':
        memory = message.memory
        scratch = message.scratch
        if (message.blas !== null) sgemm = openBlas(message.blas, memory.buffer)
        return { kind: 'ready' }
      case 'load': {
        const { exports } = new api.Instance(message.module, { env: { memory, sin: Math.sin, cos: Math.cos } })
        programs.set(message.program, {
          functions: message.functions.map((name) => (name === 'blas' ? sgemm! : exports[name]!)),
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
