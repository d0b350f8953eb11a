import { orThrow } from '../open'
import { wasmDevice, type WasmOptions } from '../../../../kernels/devices/wasm'
import { own, tenSteps } from './ten-steps'

// What the spec calls from outside the page.
Object.assign(globalThis, {
  tenSteps: async (options: WasmOptions) => tenSteps(await orThrow(wasmDevice({ ...options, matmul: 'wasm' })), own),
})
