import type { Answer, Example } from './task'

export const valuesOf = (answers: readonly Answer[]): readonly number[] => answers.map(({ value }) => value)

/** throws  RangeError where one is hidden */
export const targetsOf = (examples: readonly Example[]): readonly number[] =>
  examples.map(({ id, target }) => {
    if (target === undefined) throw new RangeError(`score: expected examples with targets, got none for ${id}`)
    return target
  })

/** throws  RangeError where one is of no group */
export const groupsOf = (examples: readonly Example[]): readonly string[] =>
  examples.map(({ id, group }) => {
    if (group === undefined) throw new RangeError(`score: expected examples in groups, got none for ${id}`)
    return group
  })

/** Examples with their answers. throws  RangeError unless there is one for each */
export const answered = (
  examples: readonly Example[],
  answers: readonly Answer[],
): readonly (readonly [Example, Answer])[] => {
  if (examples.length !== answers.length)
    throw new RangeError(`expected an answer for each of ${examples.length} examples, got ${answers.length}`)
  return examples.map((example, i) => [example, answers[i]!])
}
