import type { Plan } from './plan'

/** How a device takes memory, as far as that is known before it is opened. */
export interface Layout {
  /** Bytes of a value whose elements take so many. */
  readonly valueBytes: (bytes: number) => number
  readonly programBytes: (plan: Plan) => ProgramBytes
}

/** What a program takes beside the values that it is given. */
export interface ProgramBytes {
  /** For intermediates. Programs share it: the largest counts. */
  readonly work: number
  /** For results that are not written over a donated input. */
  readonly results: number
  /** As long as the program is loaded. */
  readonly kept: number
}
