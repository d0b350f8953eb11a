import { describeDevice } from './compare-device'
import { openGpujs } from './open'

describeDevice('gpujs:webasm', () => openGpujs('webasm'), { programs: 200, long: 20, donated: 30 })
