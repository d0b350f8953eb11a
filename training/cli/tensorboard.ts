import { appendFileSync, mkdirSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { describeError } from '../checkpoint/atomic-write'
import type { RunListener } from '../pretrain/run'
import { fileHeader, scalarRecord } from '../report/event-file'
import { note } from './outcome'

/**
 * Writes a run's numbers where TensorBoard finds them: one file for each time that the run is taken up, in its folder. A file that cannot be
 * written is told once and ends no run.
 */
export const tensorboard = (out: string): Pick<RunListener, 'opened' | 'stepped' | 'evaluated'> => {
  const now = (): number => Date.now() / 1000
  const path = join(out, `events.out.tfevents.${Math.floor(now())}.${hostname()}.${process.pid}`)
  let isBroken = false
  const write = (data: Uint8Array): void => {
    if (isBroken) return
    try {
      appendFileSync(path, data)
    } catch (error) {
      isBroken = true
      note(`--tensorboard: ${path} cannot be written (${describeError(error)}): the run goes on without`)
    }
  }
  const scalars = (step: number, of: { readonly [tag: string]: number | undefined }): void => {
    const known = Object.entries(of).filter((entry): entry is [string, number] => entry[1] !== undefined)
    write(scalarRecord({ wallTime: now(), step, scalars: Object.fromEntries(known) }))
  }
  const named = (prefix: string, metrics: { readonly [name: string]: number }) =>
    Object.fromEntries(Object.entries(metrics).map(([name, x]) => [`${prefix}/${name}`, x]))
  let isOpen = false
  const open = (): void => {
    if (isOpen) return
    isOpen = true
    mkdirSync(out, { recursive: true })
    write(fileHeader(now()))
  }
  return {
    opened: open,
    stepped: ({ step, metrics, loss, lr, gradNorm, lossScale, tokensPerSecond }) => {
      open()
      scalars(step, {
        'train/loss': loss,
        ...named('train', metrics),
        'optimizer/lr': lr,
        'optimizer/gradNorm': gradNorm,
        'optimizer/lossScale': lossScale,
        'speed/tokensPerSecond': tokensPerSecond,
      })
    },
    evaluated: ({ step, evaluation }) => {
      open()
      scalars(step, {
        ...named('heldOut', evaluation.metrics),
        'heldOut/detection': evaluation.detection,
        'heldOut/ownDetection': evaluation.ownDetection,
      })
    },
  }
}
