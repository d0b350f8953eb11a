/** The token of a byte where characters fall back to bytes: '<0x0A>'. */
export const byteToken = (byte: number): string => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`

/** The byte that a token stands for, or undefined. */
export const byteOfToken = (token: string): number | undefined =>
  /^<0x[0-9A-Fa-f]{2}>$/.test(token) ? Number.parseInt(token.slice(3, 5), 16) : undefined

/** The UTF-8 bytes of a text as tokens, or undefined if one of them is not in the vocabulary. */
export const bytesAsTokens = (idOf: ReadonlyMap<string, number>) => {
  const ids = Int32Array.from({ length: 256 }, (_, byte) => idOf.get(byteToken(byte)) ?? -1)
  return (text: string): Int32Array | undefined => {
    const tokens = Int32Array.from(Buffer.from(text, 'utf8'), (byte) => ids[byte]!)
    return tokens.includes(-1) ? undefined : tokens
  }
}
