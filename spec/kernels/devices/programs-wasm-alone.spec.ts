import { describeDevice } from './compare-device'
import { openWasm } from './open'

describeDevice('wasm, memory of its own', () => openWasm({ shared: false }), { programs: 80, long: 10, donated: 10 })
