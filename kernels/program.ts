import type { Expr } from '../core'

/** What a plan computes: named outputs, and the inputs whose buffers it may take over. */
export interface Program {
  readonly outputs: readonly { readonly name: string; readonly value: Expr }[]
  /** Names of inputs that the caller gives up: they are freed at their last use. */
  readonly donated?: readonly string[]
}
