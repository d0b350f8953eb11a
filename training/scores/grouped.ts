import { checkPaired } from './paired'

/** Share of the groups whose every answer is right (MultiRC's EM: Khashabi et al. 2018, as SuperGLUE has it); NaN of none. */
export const exactGroups = (
  answered: readonly number[],
  right: readonly number[],
  groups: readonly string[],
): number => {
  checkPaired('exactGroups', answered, right)
  const isRight = new Map<string, boolean>()
  for (const [i, group] of groups.entries())
    isRight.set(group, (isRight.get(group) ?? true) && answered[i] === right[i])
  return [...isRight.values()].filter(Boolean).length / isRight.size
}

/**
 * Gender parity: share of the pairs that are answered alike (Winogender in SuperGLUE, Wang et al. 2019, §3.3). A row without a partner is no
 * pair; NaN of no pair.
 */
export const genderParity = (answered: readonly number[], groups: readonly string[]): number => {
  const pairs = new Map<string, readonly number[]>()
  for (const [i, group] of groups.entries()) pairs.set(group, [...(pairs.get(group) ?? []), answered[i]!])
  const whole = [...pairs.values()].filter(({ length }) => length > 1)
  return whole.filter((all) => all.every((c) => c === all[0])).length / whole.length
}
