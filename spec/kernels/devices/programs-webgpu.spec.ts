import { describeDevice } from './compare-device'
import { openGpujs } from './open'

describeDevice('gpujs:webgpu', () => openGpujs('webgpu'), { programs: 50, long: 5, donated: 10 })
