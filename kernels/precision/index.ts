export { withPolicy, type Policy } from './policy'
export { functionPrecision, opPrecision, type ComputeDType, type FunctionPrecision, type OpPrecision } from './rules'
