/** Coefficients of elementary functions in single precision, highest power first; each printer has its own form of the steps. */

/** ln 2 = 0.693359375 - 2.12194440e-4, the first exact in few bits. */
export const [ln2High, ln2Low] = [0.693359375, -2.1219444e-4]
/** Cephes expf (Moshier) */
export const expTerms = [1.98756915e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 0.16666665459, 0.50000001201]
/** Cephes logf (Moshier) */
export const logTerms = [
  7.0376836292e-2, -0.1151461031, 0.116769987, -0.12420140846, 0.14249322787, -0.16668057665, 0.20000714765,
  -0.24999993993, 0.33333331174,
]
/** The bits of sqrt(1/2): mantissas are taken from there to sqrt(2). */
export const halfRoot = 0x3f3504f3
/** ours: see `erfFormula` */
export const erfInner = [
  7.64711743568014e-5, -7.942356216989882e-4, 5.179749536960973e-3, -0.02684859130849146, 0.1128343011845391,
  -0.37612605985180486, 1.1283791584105134,
]
export const erfOuter = [
  8.669450698646953e-3, -0.021466431674180355, 0.05517791835182808, 0.01321285347872516, 0.14219601692713899,
  0.30988883635955955, 0.6806315208036908, 1.0475780156344643, 1.5878826027879296,
]
/** Eigen's generic fast tanh (Core/MathFunctionsImpl.h, MPL2): x top(x²) / bottom(x²). */
export const tanhTop = [
  -2.76076847742355e-16, 2.00018790482477e-13, -8.60467152213735e-11, 5.12229709037114e-8, 1.48572235717979e-5,
  6.37261928875436e-4, 4.89352455891786e-3,
]
export const tanhBottom = [1.19825839466702e-6, 1.18534705686654e-4, 2.268434632439e-3, 4.89352518554385e-3]
/** π in three parts, of which the first two have few bits (Cephes sinf). */
export const piParts = [3.140625, 9.67502593994140625e-4, 1.50995799097837643e-7] as const
/** Taylor series of sin r / r in r². */
export const sineTerms = [-1 / 39916800, 1 / 362880, -1 / 5040, 1 / 120, -1 / 6, 1]
