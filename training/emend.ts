/** The whole library under one name; the subpaths (`emend/core`, `emend/autodiff`, ...) are its parts. */
export * from '../core'
export * from '../autodiff'
export * from '../kernels'
export * from '../models'
export * as training from './index'
