import { describeDevice } from './compare-device'
import { openWasm } from './open'

describeDevice('wasm with BLAS', () => openWasm({ threads: 2, matmul: 'blas' }), {
  programs: 100,
  long: 10,
  donated: 10,
})
