import { describeDevice } from './compare-device'
import { openGpujs } from './open'

describeDevice('gpujs:cpu', () => openGpujs('cpu'), { programs: 200, long: 20, donated: 30 })
