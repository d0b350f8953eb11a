/**
 * Places in a text as SuperGLUE's files count them: in Python's characters, code points. Ours are UTF-16 units, of which those beyond the basic plane
 * take two.
 */

/** The unit at which a character begins; the length for the one after the last; undefined beyond it. */
export const unitsOf = (text: string): ((character: number) => number | undefined) => {
  if (!/[\ud800-\udbff]/.test(text)) return (character) => (character <= text.length ? character : undefined)
  const units = [0]
  for (const character of text) units.push(units.at(-1)! + character.length)
  return (character) => units[character]
}

/** Characters `from` to `to`, the latter not included; undefined where they are not in the text. */
export const charactersOf = (text: string): ((from: number, to: number) => string | undefined) => {
  const unitOf = unitsOf(text)
  return (from, to) => {
    const [a, b] = [unitOf(from), unitOf(to)]
    return a === undefined || b === undefined ? undefined : text.slice(a, b)
  }
}
