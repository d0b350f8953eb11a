import { note } from './outcome'

/** SIGINT and SIGTERM ask the run to end after its step; a second one ends it at once. */
export const stopSignal = (
  text = 'stopping after this step; again to stop at once',
): { readonly isAsked: () => boolean; readonly dispose: () => void } => {
  let asked = false
  const ask = (): void => {
    if (asked) process.exit(130)
    asked = true
    note(text)
  }
  process.on('SIGINT', ask)
  process.on('SIGTERM', ask)
  return {
    isAsked: () => asked,
    dispose: () => {
      process.off('SIGINT', ask)
      process.off('SIGTERM', ask)
    },
  }
}
