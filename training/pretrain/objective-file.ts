import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import type { PairParams } from '../../models'
import { describeError } from '../checkpoint/atomic-write'
import { badInput, type Fault } from '../fault'
import { objectives, type Objective } from '../objectives'
import { checkedObjective, describeValue } from './checked-objective'

/** An objective by name, or a user's own: `FILE.mjs#NAME`, the module's export NAME (docs/objectives.md). */
export const loadObjective =
  (name: string): TE.TaskEither<Fault, Objective<PairParams>> =>
  async () => {
    const known = Object.hasOwn(objectives, name) ? objectives[name] : undefined
    if (known !== undefined) return E.right(known)
    const names = Object.keys(objectives).join(', ')
    const cut = name.lastIndexOf('#')
    if (cut <= 0 || cut === name.length - 1)
      return E.left(badInput('--objective', '', `${names} or FILE.mjs#NAME`, name))
    const [file, exported] = [resolve(name.slice(0, cut)), name.slice(cut + 1)]
    if (!existsSync(file)) return E.left(badInput('--objective', file, 'a file', 'none'))
    let module: Readonly<Record<string, unknown>>
    try {
      module = (await import(pathToFileURL(file).href)) as Readonly<Record<string, unknown>>
    } catch (error) {
      return E.left(badInput('--objective', file, 'a module that can be imported', describeError(error)))
    }
    const objective = module[exported]
    if (typeof objective !== 'function')
      return E.left(badInput('--objective', file, `an exported function "${exported}"`, gotOf(module, exported)))
    return checkedObjective(file, objective as (...args: readonly unknown[]) => unknown)
  }

const gotOf = (module: Readonly<Record<string, unknown>>, exported: string): string => {
  if (Object.hasOwn(module, exported)) return describeValue(module[exported])
  const others = Object.keys(module).sort().join(', ')
  return others === '' ? 'no exports' : `none of that name among ${others}`
}
