import { availableParallelism, cpus, totalmem } from 'node:os'
import type { Command } from 'commander'
import * as E from 'fp-ts/Either'
import { probeDevices, type Probe } from '../../kernels'
import type { Flags } from './options'
import { print, printJson, type Outcome } from './outcome'

export const doctorCommand = (program: Command, run: (outcome: Promise<Outcome>) => void): void => {
  program
    .command('doctor')
    .description('what this machine offers: cores, adapters, the devices that really work')
    .option('--json', 'one JSON object')
    .action((flags: Flags) => run(runDoctor(flags)))
}

const runDoctor = async (flags: Flags): Promise<Outcome> => {
  const machine = {
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    processor: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryBytes: totalmem(),
  }
  const probes = await probeDevices()
  const auto = autoOf(probes)
  if (flags['json'] === true) {
    printJson({ ...machine, devices: probes.map(asJson), auto })
    return E.right(0)
  }
  print(`Node ${machine.node} on ${machine.platform}: ${machine.cores} cores of ${machine.processor}`)
  print(`memory ${(machine.memoryBytes / 1e9).toFixed(1)} GB\n`)
  for (const { name, result } of probes) {
    if (E.isRight(result)) print(`works   ${name.padEnd(14)} ${result.right.detail}`)
    else {
      const { expected, got, help } = result.left
      print(`missing ${name.padEnd(14)} expected ${expected}, got ${got}`)
      if (help !== undefined) print(`${' '.repeat(23)}${help}`)
    }
  }
  print(`\n--device auto takes ${auto}`)
  return E.right(0)
}

const asJson = ({ name, result }: Probe): Readonly<Record<string, unknown>> =>
  E.isRight(result)
    ? { name, works: true, detail: result.right.detail, isSoftware: result.right.isSoftware ?? false }
    : { name, works: false, expected: result.left.expected, got: result.left.got, help: result.left.help }

/** A GPU that is one, else wasm: the rule of `openDevice`. */
const autoOf = (probes: readonly Probe[]): string =>
  probes.some(({ name, result }) => name === 'gpujs:webgpu' && E.isRight(result) && result.right.isSoftware !== true)
    ? 'gpujs:webgpu'
    : 'wasm'
