/**
 * The text as COCO-LM's tokenizer has it before SentencePiece: curly quotes and dashes of ASCII, punctuation at the edges of words
 * split off, clitics put back; line by line. Uncased models lower it too.
 * source  recipe 9.3; COCO-LM (Meng et al. 2021, arXiv:2102.08473), `tokenization_cocolm.py`, `SentencepiecePreTokenizer`. Its dropping
 *         of lone word-boundary pieces is of SentencePiece's ids, not of the text, and is not done here.
 */
export const cocoLmText = (text: string): string =>
  text
    .split('\n')
    .map((line) => clitics(words(line).flatMap(edges).join(' ')))
    .join('\n')

const dashesAndQuotes: Readonly<Record<string, string>> = {
  '\u2018': "'",
  '\u2019': "'",
  '\u00b4': "'",
  '\u201c': '"',
  '\u201d': '"',
  '\u2014': '-',
  '\u2013': '-',
}

/** Python's `split`: at white space and the four separators of ASCII. */
const words = (line: string): readonly string[] =>
  line
    .replaceAll('``', '"')
    .replaceAll("''", '"')
    .replace(/[\u2018\u2019\u00b4\u201c\u201d\u2014\u2013]/gu, (char) => dashesAndQuotes[char]!)
    .split(/[\p{White_Space}\x1c-\x1f]+/u)
    .filter((word) => word !== '')

const punctuation = '[\\p{P}$+<=>^`|~]'
const wordWithEdges = new RegExp(`^(${punctuation}*)(.*?)(${punctuation}*)$`, 'su')

/** Leading and trailing punctuation as words of their own; a word that is nothing else stays whole. */
const edges = (word: string): readonly string[] => {
  if (isAsciiLetter(word.charCodeAt(0)) && isAsciiLetter(word.charCodeAt(word.length - 1))) return [word]
  const [, before = '', inside = '', after = ''] = wordWithEdges.exec(word) ?? []
  return inside === '' ? [word] : [before, inside, after].filter((part) => part !== '')
}

const isAsciiLetter = (code: number): boolean => (code >= 97 && code <= 122) || (code >= 65 && code <= 90)

/** `' s` is `'s` again. A clitic ends where Python's `\b` says so. */
const clitics = (line: string): string =>
  singleSpaced(
    line
      .replace(/' ([smdtSMDT])(?![\p{L}\p{N}_])/gu, "'$1")
      .replace(/' (ll|re|ve)(?![\p{L}\p{N}_])/gu, "'$1")
      .replace(/' (LL|RE|VE)(?![\p{L}\p{N}_])/gu, "'$1 "),
  )

const singleSpaced = (line: string): string =>
  line
    .split(' ')
    .filter((word) => word !== '')
    .join(' ')
