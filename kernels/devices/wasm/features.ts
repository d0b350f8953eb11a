import { f32x4, get } from '../../emit/wasm/instructions'
import { ModuleBuilder } from '../../emit/wasm/module'
import { wasm } from './wasm-api'
import { isNode } from '../host-kind'

/** What this engine offers, found by asking it. */
export interface Features {
  /** Memory that threads share. */
  readonly shared: boolean
  /** Relaxed multiply-add, which is one rounded operation where the processor has it. */
  readonly fused: boolean
}

export const findFeatures = async (): Promise<Features> => ({
  shared: typeof SharedArrayBuffer !== 'undefined' && canShare(),
  fused: hasRelaxedSimd() || (await enableRelaxedSimd()),
})

const canShare = (): boolean => {
  try {
    return new wasm.Memory({ initial: 1, maximum: 1, shared: true }).buffer.constructor.name === 'SharedArrayBuffer'
  } catch {
    return false
  }
}

const hasRelaxedSimd = (): boolean => {
  const m = new ModuleBuilder(false)
  m.add('madd', { params: ['v128', 'v128', 'v128'], results: ['v128'] }, () =>
    f32x4.relaxedMadd(get(0), get(1), get(2)),
  )
  return wasm.validate(m.bytes())
}

/** Node 20 has relaxed SIMD behind a flag of V8 that may be set while it runs, before code is compiled. */
const enableRelaxedSimd = async (): Promise<boolean> => {
  if (!isNode()) return false
  const { setFlagsFromString } = await import('node:v8')
  setFlagsFromString('--experimental-wasm-relaxed-simd')
  return hasRelaxedSimd()
}
