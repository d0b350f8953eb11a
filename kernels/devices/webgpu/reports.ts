import { faultOf, type DeviceFault } from '../../device'
import { Faulted } from '../gpujs/engine'
import type { OpenWebgpu } from './context'

const device = 'gpujs:webgpu'

/** What the GPU reports outside of any call. */
export interface GpuReports {
  /** Throws what has come since the last call, if anything; and for ever that the GPU is lost. */
  readonly check: (what: string) => void
  /** Why the GPU is lost, if it is: a call that failed may have heard of it first. */
  readonly whyLost: () => Promise<string | undefined>
}

export const lostFault = (what: string, why: string): DeviceFault =>
  faultOf(
    device,
    what,
    'the GPU to stay',
    `it was lost: ${why}`,
    'a driver that was reset, or work too long for its watchdog: fewer sequences at once may help',
  )

export const reportsOf = (open: OpenWebgpu): GpuReports => {
  let seen = open.errors.length
  let lost: string | undefined
  void open.context.device.lost.then(({ reason, message }) => {
    lost = message === '' ? reason : message
  })
  return {
    check: (what) => {
      if (lost !== undefined) throw new Faulted(lostFault(what, lost))
      if (open.errors.length === seen) return
      const news = open.errors.slice(seen).join('; ')
      seen = open.errors.length
      throw new Faulted(faultOf(device, what, 'no errors of the GPU', news))
    },
    whyLost: async () => {
      await new Promise((done) => setTimeout(done, 0))
      return lost
    },
  }
}
