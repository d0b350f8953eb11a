export { arenaOf, type Arena } from './arena'
export { compile, planCache, type CompileOptions } from './compile'
export type { Backend, Device, DeviceFault, DeviceMemory, Executable, HostArray, Resident } from './device'
export {
  deviceNames,
  layoutOf,
  openDevice,
  probeDevices,
  type DeviceName,
  type DeviceOptions,
  type Probe,
} from './devices/open'
export { referenceDevice } from './devices/reference'
export { matmulChoices, wasmDevice, type MatmulChoice, type WasmOptions } from './devices/wasm'
export { webgpuDevice, type WebgpuOptions } from './devices/webgpu'
export { interpretKernel, interpretPlan } from './interpret'
export type { Kernel, KernelInput } from './kernel'
export type { Layout, ProgramBytes } from './layout'
export type { BufferId, KernelStep, Plan, PlanBuffer, PlanCost, PlanInput } from './plan'
export {
  functionPrecision,
  opPrecision,
  roundingsOf,
  withPolicy,
  type ComputeDType,
  type FunctionPrecision,
  type OpPrecision,
  type Policy,
} from './precision'
export { printPlan } from './print'
export type { Program } from './program'
export { stagesOf, type Exchange, type Stage } from './stages'
export { simplify } from './simplify'
