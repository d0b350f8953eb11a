import { describeMode } from './compare-device'

describeMode('cpu', { programs: 200, long: 20, donated: 30 })
