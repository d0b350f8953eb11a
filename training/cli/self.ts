import { register } from 'node:module'

/**
 * Lets a user's module (`--objective FILE.mjs#NAME`) import `emend/...` from wherever it lies, and always this very copy: an
 * expression made by another copy would be foreign to this one.
 */
export const importSelf = (): void => {
  const hook = `
    let base
    export const initialize = (data) => { base = data.base }
    export const resolve = (name, context, next) =>
      name === 'emend' || name.startsWith('emend/')
        ? { url: new URL((name === 'emend' ? 'index' : name.slice(6)) + '.js', base).href, shortCircuit: true }
        : next(name, context)
  `
  register(`data:text/javascript,${encodeURIComponent(hook)}`, { data: { base: new URL('.', import.meta.url).href } })
}
