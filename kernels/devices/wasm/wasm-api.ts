/** The part of WebAssembly's JavaScript interface that is used here: neither ES2022 nor Node's types declare it. */
export interface WasmMemory {
  readonly buffer: ArrayBuffer
  grow(pages: number): number
}
export type WasmModule = object
export interface WasmInstance {
  readonly exports: Readonly<Record<string, (...args: readonly number[]) => number>>
}
interface WasmApi {
  readonly Memory: new (d: {
    readonly initial: number
    readonly maximum?: number
    readonly shared?: boolean
  }) => WasmMemory
  readonly Module: new (bytes: Uint8Array) => WasmModule
  readonly Instance: new (module: WasmModule, imports: object) => WasmInstance
  readonly compile: (bytes: Uint8Array) => Promise<WasmModule>
  readonly validate: (bytes: Uint8Array) => boolean
}
export const wasm = (globalThis as unknown as { readonly WebAssembly: WasmApi }).WebAssembly
