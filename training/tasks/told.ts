import type { LeftOut, TaskRows } from './task'

/** A line for each way in which rows of a file were not used as they stand. */
export const toldOf = ({ leftOut, mended }: Pick<TaskRows, 'leftOut' | 'mended'>): readonly string[] => {
  const lineOf =
    (done: string) =>
    ({ rows, why, first }: LeftOut): string =>
      `${rows} ${rows === 1 ? 'row' : 'rows'} ${done}: ${why} (the first: ${first})`
  return [...leftOut.map(lineOf('left out')), ...mended.map(lineOf('mended'))]
}
