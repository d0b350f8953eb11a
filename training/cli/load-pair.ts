import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import { deviceNames, matmulChoices, type Device, type DeviceName, type MatmulChoice } from '../../kernels'
import { openPair, type SavedPair } from '../correct/open'
import { badInput, ofRun, type Fault } from '../fault'
import { openNamed } from '../pretrain/device'
import { loadObjective } from '../pretrain/objective-file'
import { uploadAll, type Values } from '../runner'
import type { Flags } from './options'
import { note } from './outcome'
import { importSelf } from './self'

export const readByHelp = 'that trained it, where it is not one of emend'

/**
 * The pair of --from, read as the objective of --objective says of itself; by default the one that its checkpoint names, if it is ours. One of
 * the user's own is not run unless it is given: a checkpoint shall not say which file is.
 */
export const openNamedPair =
  ({ from, objective }: Flags): TE.TaskEither<Fault, SavedPair> =>
  async () => {
    if (typeof objective !== 'string') {
      const pair = await openPair(String(from))()
      if (E.isRight(pair)) noteOwn(String(pair.right.checkpoint.header.config['objective']))
      return pair
    }
    if (objective.includes('#')) importSelf()
    const traits = await loadObjective(objective)()
    return E.isLeft(traits) ? traits : openPair(String(from), traits.right)()
  }

const noteOwn = (trained: string): void => {
  if (trained.includes('#')) note(`trained by ${trained}: what it has of its own is read with --objective ${trained}`)
}

/** A saved pair on the device that the flags name. The device is the caller's to close. */
export const loadPair =
  (
    { checkpoint, avals }: SavedPair,
    flags: Flags,
  ): TE.TaskEither<Fault, { readonly device: Device; readonly params: Values }> =>
  async () => {
    const opened = await openNamed((flags['device'] ?? 'auto') as DeviceName | 'auto', {
      threads: Number(flags['threads'] ?? 0),
      matmul: (flags['matmul'] ?? 'auto') as MatmulChoice,
    })()
    if (E.isLeft(opened)) return opened
    const device = opened.right
    const params = await uploadAll(
      device,
      [...avals].map(([name, aval]) => [name, checkpoint.arrays.get(name)!, aval] as const),
    )()
    if (E.isRight(params)) return E.right({ device, params: params.right })
    await device.close()
    return E.left(ofRun(params.left, 'parameters'))
  }

/** What is wrong with the flags of `deviceOption`. */
export const deviceFaults = ({ device, threads, matmul }: Flags): readonly Fault[] => [
  ...(device === undefined || device === 'auto' || deviceNames.some((name) => name === device)
    ? []
    : [badInput('--device', '', ['auto', ...deviceNames].join(' | '), JSON.stringify(device))]),
  ...wholeFaults('--threads', threads, 0),
  ...(matmul === undefined || matmulChoices.some((name) => name === matmul)
    ? []
    : [badInput('--matmul', '', matmulChoices.join(' | '), JSON.stringify(matmul))]),
]

export const probabilityFaults = (flag: string, value: unknown): readonly Fault[] =>
  value === undefined || (typeof value === 'number' && value >= 0 && value <= 1)
    ? []
    : [badInput(flag, '', 'a probability', JSON.stringify(value))]

export const wholeFaults = (flag: string, value: unknown, least: number): readonly Fault[] =>
  value === undefined || (Number.isInteger(value) && Number(value) >= least)
    ? []
    : [badInput(flag, '', `a whole number, ${least} or more`, JSON.stringify(value))]
