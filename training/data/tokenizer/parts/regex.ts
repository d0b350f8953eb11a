import * as E from 'fp-ts/Either'
import type { Pattern } from '../components'

/** `\s` and `\w` as Oniguruma has them; its Unicode is 16, so that a character that is newer than that may be a letter here alone. */
const classes: Readonly<Record<string, string>> = {
  s: '\\p{White_Space}',
  S: '\\P{White_Space}',
  d: '\\p{Nd}',
  D: '\\P{Nd}',
  w: '\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}',
}
/** Letters that match another when case does not count, beside their own other case. */
const alsoMatches: Readonly<Record<string, string>> = { s: '\u017f', k: '\u212a' }

/**
 * A pattern of a tokenizer.json for `matchAll` (flags g and u). Text matches itself.
 * left  the construct of an Oniguruma expression that is not translated, or that JavaScript refuses
 */
export const regexOf = (pattern: Pattern): E.Either<string, RegExp> => {
  if ('String' in pattern) return E.right(new RegExp(quote(pattern.String), 'gu'))
  const source = translate(pattern.Regex)
  if (E.isLeft(source)) return source
  try {
    return E.right(new RegExp(source.right, 'gu'))
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    return E.left(error.message)
  }
}

export const quote = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/]/gu, (char) => `\\${char}`)

/** One token of an expression at a time: an escape, a group's opening, a class, a quantifier, or a character. */
const lexeme = /\\(?:p\{\^?\w+\}|P\{\w+\}|x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|.)|\(\?(?:<[=!]|[^)])|\[(?:\\.|[^\]\\])+\]|(?:[*+?]|\{\d*,?\d*\})[?+]?|[^]/suy // prettier-ignore

const translate = (text: string): E.Either<string, string> => {
  let out = ''
  const caseless = [false] // by depth of groups
  for (let at = 0; at < text.length;) {
    lexeme.lastIndex = at
    const token = lexeme.exec(text)![0]
    at = lexeme.lastIndex
    const folds = caseless.at(-1)!
    let next: string | undefined
    if (token === '(' || token.startsWith('(?')) {
      const isFold = token === '(?i' && text[at] === ':'
      if (isFold) at += 1
      caseless.push(folds || isFold)
      next = isFold || token === '(' ? '(?:' : /^\(\?(?:[:=!]|<[=!])$/u.test(token) ? token : undefined
    } else if (token === ')') {
      caseless.pop()
      next = token
    } else if (token.startsWith('[') && token.length > 1) next = classOf(token, folds)
    else if (/^[*+?{]/u.test(token))
      next = token.endsWith('+') && token.length > 1 ? undefined : token === '{' ? '\\{' : token.replace('{,', '{0,') // prettier-ignore
    else if (token.startsWith('\\')) next = escapeOf(token)
    else next = characterOf(token, folds)
    if (next === undefined) return E.left(`the construct ${token}${token === '(?i' ? ')' : ''}`)
    out += next
  }
  return E.right(out)
}

const characterOf = (char: string, folds: boolean): string => {
  if (char === '.') return '[^\\n]'
  if (char === '^') return '(?<![^\\n])'
  if (char === '$') return '(?![^\\n])'
  if (char === '|') return char
  const [lower, upper] = [char.toLowerCase(), char.toUpperCase()]
  return folds && lower !== upper ? `[${lower}${upper}${alsoMatches[lower] ?? ''}]` : quote(char)
}

const escapeOf = (token: string): string | undefined => {
  const name = token[1]!
  if (name === 'w') return `[${classes['w']!}]`
  if (name === 'W') return `[^${classes['w']!}]`
  return classes[name] ?? literalEscape(token)
}

/** Escapes that mean the same inside a class and outside it. */
const literalEscape = (token: string): string | undefined => {
  const name = token[1]!
  if (/^[pP]/u.test(name)) return token.startsWith('\\p{^') ? `\\P{${token.slice(4)}` : token.length > 2 ? token : undefined // prettier-ignore
  if (/^[nrtfv]$/u.test(name) || /^\\[xu]./u.test(token)) return token
  return /^[A-Za-z0-9]$/u.test(name) ? undefined : /[\^$\\.*+?()[\]{}|/-]/u.test(name) ? token : name
}

/** `[...]`: no class within a class, no intersection, and letters only where case counts. */
const classOf = (token: string, folds: boolean): string | undefined => {
  const body = token.slice(1, -1)
  if (/(?<!\\)\[|&&/u.test(body)) return undefined
  let out = ''
  for (const [part] of body.matchAll(/\\(?:p\{\^?\w+\}|P\{\w+\}|x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|.)|[^]/gsu)) {
    const next = part.startsWith('\\') ? (classes[part[1]!] ?? literalEscape(part)) : /[(){}|/]/u.test(part) ? `\\${part}` : part // prettier-ignore
    if (next === undefined || (folds && /^[^\\]$/u.test(part) && /\p{L}/u.test(part))) return undefined
    out += next
  }
  return `[${out}]`
}
