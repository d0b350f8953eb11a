import type { Aval } from '../../../core'
import type { Resident } from '../../device'
import type { GpuMemory } from './memory'
import type { Range } from './shader'

/** Memory of a value, with the number of residents that hold it. */
export interface Cell {
  readonly range: Range
  holders: number
}

/** A resident of the device that owns `memory`; `cell` is null once it was freed or given to a run. */
export class GpuValue implements Resident {
  constructor(
    readonly device: string,
    readonly memory: GpuMemory,
    readonly aval: Aval,
    public cell: Cell | null,
  ) {}
}

export const release = (memory: GpuMemory, cell: Cell): void => {
  cell.holders -= 1
  if (cell.holders === 0) memory.release(cell.range)
}
