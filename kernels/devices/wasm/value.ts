import type { Aval } from '../../../core'
import type { Resident } from '../../device'
import type { Heap } from './heap'

/** Allocated memory, with the number of residents that hold it. */
export interface Cell {
  readonly at: number
  holders: number
}

/** A resident of the wasm device that owns `heap`; `cell` is null once it was freed or given to a run. */
export class WasmValue implements Resident {
  readonly device = 'wasm'
  constructor(
    readonly heap: Heap,
    readonly aval: Aval,
    public cell: Cell | null,
  ) {}
}

export const release = (heap: Heap, cell: Cell): void => {
  cell.holders -= 1
  if (cell.holders === 0) heap.release(cell.at)
}
