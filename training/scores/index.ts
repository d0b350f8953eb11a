export { accuracy, f1, macroF1, matthews, type Classes } from './classes'
