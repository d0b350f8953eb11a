/**
 * +Infinity in WGSL, which has no such constant: an overflow that compilers do not foresee. Not a product: they would join its
 * factors with those of a product that reads it, (3e38 · x) · 0.5 = 1.5e38 · x.
 */
export const infinityText = 'Math.exp(this.thread.x + 100)'
