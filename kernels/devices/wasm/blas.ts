import { isNode } from '../host-kind'

/** A BLAS of this machine, called through the FFI package koffi. */
export interface Blas {
  /** Path of koffi, for `require`. */
  readonly koffi: string
  readonly library: string
}

const candidates: Readonly<Record<string, readonly string[]>> = {
  linux: ['libopenblas.so.0', 'libopenblas.so', 'libmkl_rt.so.2', 'libmkl_rt.so', 'libblis.so.4', 'libblis.so'],
  darwin: ['/System/Library/Frameworks/Accelerate.framework/Accelerate', 'libopenblas.dylib'],
  win32: ['libopenblas.dll', 'openblas.dll', 'mkl_rt.2.dll', 'mkl_rt.dll'],
}

/** What the environment variable EMEND_BLAS names. */
export const namedBlas = (): string | undefined =>
  isNode() && process.env.EMEND_BLAS !== '' ? process.env.EMEND_BLAS : undefined

/** The first library found that has cblas_sgemm, or why there is none. `EMEND_BLAS` names one that is tried alone. */
export const findBlas = async (): Promise<Blas | string> => {
  if (!isNode()) return 'no native libraries here'
  const { createRequire } = await import('node:module')
  const require = createRequire(import.meta.url)
  let path: string
  let koffi: { load: (name: string) => { func: (prototype: string) => unknown } }
  try {
    path = require.resolve('koffi')
    koffi = require('koffi') as typeof koffi
  } catch {
    return 'the package koffi is not installed'
  }
  const named = namedBlas()
  const names = named === undefined ? (candidates[process.platform] ?? []) : [named]
  for (const name of names) {
    try {
      koffi.load(name).func(prototype)
      return { koffi: path, library: name }
    } catch {
      // not on this machine: the next one may be
    }
  }
  return named === undefined ? `none of ${names.join(', ')}` : `EMEND_BLAS=${named}, which is none`
}

const prototype = 'void cblas_sgemm(int, int, int, int, int, int, float, void *, int, void *, int, float, void *, int)'
