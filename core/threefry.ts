/**
 * Threefry-2x32, 20 rounds: 64 random bits as a pure function of a key and a counter, both two uint32 words.
 * The host's reference for the generator the kernels compute; equal key and counter give equal bits everywhere.
 * source  Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3", §4.3; constants and vectors of Random123 1.14.
 */
export const threefry2x32 = (k0: number, k1: number, c0: number, c1: number): [number, number] => {
  const k2 = 0x1bd11bda ^ k0 ^ k1 // the parity word of the key schedule
  let x = (c0 + k0) | 0
  let y = (c1 + k1) | 0
  for (let group = 0; group < 5; group += 1) {
    if (group % 2 === 0) {
      x = (x + y) | 0
      y = ((y << 13) | (y >>> 19)) ^ x
      x = (x + y) | 0
      y = ((y << 15) | (y >>> 17)) ^ x
      x = (x + y) | 0
      y = ((y << 26) | (y >>> 6)) ^ x
      x = (x + y) | 0
      y = ((y << 6) | (y >>> 26)) ^ x
    } else {
      x = (x + y) | 0
      y = ((y << 17) | (y >>> 15)) ^ x
      x = (x + y) | 0
      y = ((y << 29) | (y >>> 3)) ^ x
      x = (x + y) | 0
      y = ((y << 16) | (y >>> 16)) ^ x
      x = (x + y) | 0
      y = ((y << 24) | (y >>> 8)) ^ x
    }
    // inject word (group + 1) mod 3 into x, the next one and the group's number into y
    const inX = group % 3 === 0 ? k1 : group % 3 === 1 ? k2 : k0
    const inY = group % 3 === 0 ? k2 : group % 3 === 1 ? k0 : k1
    x = (x + inX) | 0
    y = (y + inY + group + 1) | 0
  }
  return [x >>> 0, y >>> 0]
}
