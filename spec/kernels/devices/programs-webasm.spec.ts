import { describeMode } from './compare-device'

describeMode('webasm', { programs: 200, long: 20, donated: 30 })
