import { suite } from 'uvu'

type Body = () => void | Promise<void>
export type Declare = (name: string, body: Body) => void

/**
 * Declare a suite: the only way to do it in this project. It runs the suite itself (a uvu file without `.run()` passes
 * in silence) and fails one that declares no test. `cause` is folded into the message, since uvu does not print it.
 */
export const describe = (name: string, declare: (test: Declare) => void): void => {
  const tests = suite(name)
  let declared = 0
  declare((title, body) => {
    declared += 1
    tests(title, async () => {
      try {
        await body()
      } catch (error) {
        throw withCause(error)
      }
    })
  })
  if (declared === 0) tests('is not empty', () => Promise.reject(new Error(`suite "${name}" declares no test`)))
  tests.run()
}

const withCause = (error: unknown): unknown => {
  if (error instanceof Error && error.cause instanceof Error && !error.message.includes(error.cause.message))
    error.message = `${error.message}\ncaused by: ${error.cause.message}`
  return error
}
