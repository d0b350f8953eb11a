/** Numbers as the page writes them; what there is not is a dash. */
export const fixed = (value: number | undefined, digits = 3): string =>
  value === undefined ? '–' : Number.isFinite(value) ? value.toFixed(digits).replace('-', '\u2212') : 'not finite'

/** A difference, always with its sign; a dash where either side is missing. */
export const difference = (from: number | undefined, to: number | undefined, digits = 3): string => {
  if (from === undefined || to === undefined) return '–'
  const text = fixed(to - from, digits)
  return Number.isFinite(to - from) && to >= from ? `+${text}` : text
}

export const percent = (share: number): string => (Number.isFinite(share) ? `${Math.round(100 * share)}%` : '–')

/** 1234567 as 1 234 567, with narrow spaces that do not break. */
export const whole = (value: number): string => String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, '\u202f')
