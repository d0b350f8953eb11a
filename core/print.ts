import { showAval } from './aval'
import type { Expr } from './op'
import { topological } from './walk'

/**
 * A program as stable text, one node a line, numbered in order of computation; equal nodes once. Golden tests read it.
 *
 *     %0 = input {"name":"x"} : f32[2,3]
 *     %1 = tanh %0 : f32[2,3]
 *     return %1
 */
export const printProgram = (roots: readonly Expr[]): string => {
  const names = new Map<string, string>()
  const lines: string[] = []
  for (const e of topological(roots)) {
    if (names.has(e.hash)) continue
    const name = `%${names.size}`
    names.set(e.hash, name)
    const args = e.inputs.map((x) => names.get(x.hash)!)
    lines.push(`${name} = ${[e.op.name, ...args, ...showParams(e)].join(' ')} : ${showAval(e.aval)}`)
  }
  return [...lines, `return ${roots.map((r) => names.get(r.hash)!).join(' ')}`].join('\n')
}

const showParams = (e: Expr): readonly string[] => {
  const { shape: _shape, dtype: _dtype, ...params } = e.params
  const text = JSON.stringify(e.op.arity === 0 ? params : e.params)
  return text === '{}' ? [] : [text.length > 120 ? `${text.slice(0, 117)}...` : text]
}
