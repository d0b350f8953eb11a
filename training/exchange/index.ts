export { exportHuggingFace } from './export'
export { importHuggingFace, type Imported } from './import'
export { toHuggingFace, type HfModel, type ParameterOf } from './to-hugging-face'
