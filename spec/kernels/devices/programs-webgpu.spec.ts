import { describeMode } from './compare-device'

describeMode('webgpu', { programs: 50, long: 5, donated: 10 })
