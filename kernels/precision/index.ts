export { withPolicy, type Policy } from './policy'
export {
  functionPrecision,
  opPrecision,
  roundingsOf,
  type ComputeDType,
  type FunctionPrecision,
  type OpPrecision,
} from './rules'
