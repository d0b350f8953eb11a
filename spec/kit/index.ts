/**
 * emend/spec: property testing of gradients. Arbitraries for fast-check, the laws of derivatives as functions that throw a
 * LawError, and `checkGradients` for a function of your own.
 */
export { assertClose, CloseError, firstDifference, type CloseOptions } from './assert-close'
export { calls, callsOf, hasCalls, smoothCallsOf, type Call } from './arbitraries/call'
export { halfArbitrary, type HalfLimits } from './arbitraries/half'
export { keys } from './arbitraries/key'
export {
  problemsOf,
  problemsOver,
  type Frame,
  type InputSpec,
  type InputSpecs,
  type Sizes,
  type Slot,
} from './arbitraries/problem'
export { programs, showTensorProgram, type ProgramLimits, type TensorProgram } from './arbitraries/program'
export { axisSize, fullAxisSize, shapes, sizeBetween } from './arbitraries/shape'
export { trees } from './arbitraries/tree'
export {
  ascending,
  distinct,
  ids,
  integers,
  limbs,
  offZero,
  permutations,
  positive,
  reals,
  truths,
  type Pick,
  type Values,
} from './arbitraries/values'
export { checkGradients, GradientError, lawNames, laws, type CheckOptions, type LawName } from './check-gradients'
export { isDual, isLinear, matchesFiniteDifferences, matchesSecondOrder, tolerances } from './laws/gradient'
export { roundsAtMost } from './laws/precision'
export { LawError, type Argument, type LawFault, type Problem } from './laws/problem'
export {
  dropsDerivatives,
  equalsItsRemat,
  keepsPerturbationsApart,
  mapsGradientsOverStacks,
  mapsOverStacks,
  type Grad,
} from './laws/program'
