import type * as TE from 'fp-ts/TaskEither'
import type { Device, DeviceFault } from '../../device'
import { engineDevice } from '../gpujs'
import { webgl2Engine } from './engine'

const name = 'gpujs:webgl2'

/** gpu.js on WebGL 2, in browsers. Values stay on the GPU as textures; a run is submitted, and only reading waits for it. */
export const webgl2Device = (): TE.TaskEither<DeviceFault, Device> =>
  engineDevice(name, 'webgl2', () => webgl2Engine(name))
