export { exportHuggingFace } from './export'
export { toHuggingFace, type HfModel, type ParameterOf } from './to-hugging-face'
