import * as E from 'fp-ts/Either'
import type { DeviceFault } from '../device'
import { gpujsDevice, type GpujsMode } from './gpujs'

/** Whether a backend works on this machine, as found by running a kernel on it. */
export interface Probe {
  readonly name: string
  readonly works: boolean
  /** The adapter or engine that ran, or what failed and what may help. */
  readonly detail: string
}

const modes: readonly GpujsMode[] = ['cpu', 'webasm', 'webgpu']

/** For `emend doctor`: opens every backend, runs a first kernel, and closes it again. */
export const probeBackends = async (): Promise<readonly Probe[]> => {
  const probes: Probe[] = []
  for (const mode of modes) probes.push(await probe(mode))
  return probes
}

const probe = async (mode: GpujsMode): Promise<Probe> => {
  const opened = await gpujsDevice(mode)()
  if (E.isLeft(opened)) return { name: opened.left.device, works: false, detail: explain(opened.left) }
  const { backend } = opened.right
  await opened.right.close()
  return { name: backend.name, works: true, detail: backend.detail }
}

const explain = ({ expected, got, help }: DeviceFault): string =>
  `expected ${expected}, got ${got}${help === undefined ? '' : ` (${help})`}`
