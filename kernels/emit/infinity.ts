/** +Infinity in WGSL, which has no such constant: an overflow that the compiler cannot foresee. */
export const infinityText = '3e38 * (this.thread.x + 1.5)'
