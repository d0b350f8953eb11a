const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** Text as HTML, safe between tags and in quoted attributes. */
export const escapeHtml = (text: string): string => visible(text).replace(/[&<>"']/g, (char) => entities[char]!)

/**
 * A value as JSON that may stand inside a `<script>` element: no `<` is left, so neither `</script` nor `<!--` can end or
 * change it, and U+2028 and U+2029, line ends to older JavaScript, are escaped. JSON.parse gives the value back.
 */
export const scriptJson = (value: unknown): string =>
  JSON.stringify(value).replace(/[<\u2028\u2029]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)

/**
 * Characters that show nothing, or that would reorder the page, as ones that show: controls as their Unicode pictures (tab
 * and line feed aside, spaces to HTML), lone surrogates as U+FFFD, bidirectional controls as the code point's name.
 */
const visible = (text: string): string =>
  text
    .replace(/\p{Surrogate}/gu, '\ufffd')
    .replace(/[\u0000-\u0008\u000b-\u001f]/g, (char) => String.fromCharCode(0x2400 + char.charCodeAt(0)))
    .replace(/[\u007f-\u009f\u2028-\u202e\u2066-\u2069\ufeff]/g, codePoint)

const codePoint = (char: string): string => `U+${char.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`
