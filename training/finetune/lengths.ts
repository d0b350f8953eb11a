/**
 * Programs have fixed shapes: a batch is as long as its longest row, rounded up to one of at most eight lengths, so that few programs serve
 * all batches and little is computed on padding. ours
 */
const mostLengths = 8

/** T is rounded up to multiples of this. 16 suits matrix units and SIMD alike. */
const grain = 16

/** The length of a batch whose longest row has `longest` tokens, of at most `seq`. */
export const lengthFor = (longest: number, seq: number): number => {
  const step = grain * Math.max(1, Math.ceil(seq / (grain * mostLengths)))
  return Math.min(seq, Math.ceil(longest / step) * step)
}
