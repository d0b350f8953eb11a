import { faultOf } from '../../device'
import { sizeOf, showAval, type Aval } from '../../../core'
import { roundBf16, roundF16 } from '../../../core/half'
import type { HostArray } from '../../device'
import { Faulted } from './engine'

/** Largest magnitude up to which a float holds every integer. */
const exactInteger = 2 ** 24

/** Host values as stored: float32 for every dtype. */
export const toStored = (device: string, data: HostArray, aval: Aval): Float32Array => {
  const size = sizeOf(aval.shape)
  const what = `upload ${showAval(aval)}`
  if (data.length !== size) throw new Faulted(faultOf(device, what, `${size} elements`, `${data.length}`))
  switch (aval.dtype) {
    case 'f32':
      return Float32Array.from(data)
    case 'f16':
      return Float32Array.from(data, roundF16)
    case 'bf16':
      return Float32Array.from(data, roundBf16)
    case 'bool':
      return Float32Array.from(data, (v) => (v === 0 ? 0 : 1))
    case 'i32': {
      const bad = data.findIndex((v: number) => !(Number.isInteger(v) && Math.abs(v) <= exactInteger))
      if (bad >= 0)
        throw new Faulted(
          faultOf(
            device,
            what,
            'integers within ±16777216, which a float32 holds exactly',
            `${data[bad]} at element ${bad}`,
          ),
        )
      return Float32Array.from(data)
    }
  }
}

export const fromStored = (stored: Float32Array, aval: Aval): HostArray =>
  aval.dtype === 'i32' ? Int32Array.from(stored) : aval.dtype === 'bool' ? Uint8Array.from(stored) : stored
