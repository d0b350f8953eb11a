import { describeDevice } from './compare-device'
import { openWasm } from './open'

describeDevice(
  'wasm, 4 threads, multiply and add rounded each',
  () => openWasm({ threads: 4, matmul: 'wasm', fused: false }),
  { programs: 80, long: 10, donated: 10 },
)
