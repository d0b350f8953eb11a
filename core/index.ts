export * from './aval'
export { builtOr, currentPath, scope, ShapeError, shapeError, withPath, type ShapeFault } from './error'
export { erf as erfValue } from './erf'
export * from './codec'
export * from './eval'
export * from './expr-tree'
export * from './functions'
export * from './half'
export { hash64, hashText } from './hash'
export * from './key'
export * from './loop'
export * from './op'
export { allOps, ops } from './ops'
export { customRuleOf, customVjp, customVjpOp, isMarker, remat, type CustomVjp } from './ops/marker'
export {
  allGather,
  allReduce,
  exchanged,
  isCollective,
  reduceScatter,
  type CollectiveName,
  type Ranks,
} from './ops/collective'
export { argsort, scatterOrdered } from './ops/indexing'
export { maxConstantSize } from './ops/source'
export * from './print'
export { substitute } from './substitute'
export * from './sugar'
export { threefry2x32 } from './threefry'
export * from './tree'
export * from './walk'
