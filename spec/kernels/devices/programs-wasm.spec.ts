import { describeDevice } from './compare-device'
import { openWasm } from './open'

describeDevice('wasm, 2 threads', () => openWasm({ threads: 2, matmul: 'wasm' }), {
  programs: 200,
  long: 20,
  donated: 30,
})
