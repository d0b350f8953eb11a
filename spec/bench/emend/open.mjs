import { compile, wasmDevice } from 'emend/kernels'

/** The right of an Either, or its fault as an error. */
export const unwrap = (either) => {
  if (either._tag === 'Right') return either.right
  const { device, what, expected, got } = either.left
  throw new Error(`${device}: ${what}: expected ${expected}, got ${got}`)
}

export const openWasm = async (options) => unwrap(await wasmDevice(options)())

/** A program compiled, its inputs on the device by name: a call that runs it and frees what comes out. */
export const openCall = async (device, build, arrays) => {
  const plan = unwrap(compile(build, { maxInputs: device.maxInputs }))
  const executable = unwrap(await device.compile(plan)())
  const inputs = []
  for (const { name, buffer } of plan.inputs)
    inputs.push(unwrap(await device.upload(arrays[name], plan.buffers[buffer].aval)()))
  const run = executable.run(inputs)
  return async () => device.free(unwrap(await run()))
}
