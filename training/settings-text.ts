/** Settings as text, `key=value,key=value`: what the parsers of loss scales and regularisers have in common. */

/** A text before and behind the first `mark`. */
export const splitAt = (text: string, mark: string): readonly [string, string?] => {
  const at = text.indexOf(mark)
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)]
}

/** A number, which may be a power: `2^15`. NaN for what is none. */
export const numberOf = (text: string): number => {
  const power = /^(\d+)\^(-?\d+)$/.exec(text)
  if (power !== null) return Number(power[1]) ** Number(power[2])
  return text.trim() === '' ? NaN : Number(text)
}
