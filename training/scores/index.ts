export { accuracy, f1, macroF1, matthews, type Classes } from './classes'
export { averageRanks, pearson, spearman } from './correlation'
export { exactGroups, genderParity } from './grouped'
export { isExact, tokenF1, wordsOf } from './texts'
