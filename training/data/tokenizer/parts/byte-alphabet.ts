/**
 * The printable alphabet of byte-level BPE: each of the 256 bytes is written as one visible character, so that every
 * token is a plain string in JSON. Bytes 33–126, 161–172 and 174–255 are themselves, the other 68 are U+0100 onwards.
 * source  GPT-2 `bytes_to_unicode` (Radford et al. 2019), as in Hugging Face tokenizers `ByteLevel`.
 */
export const byteToChar: readonly string[] = (() => {
  const printable = (byte: number) => (byte >= 33 && byte <= 126) || (byte >= 161 && byte !== 173)
  let next = 256
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(printable(byte) ? byte : next++))
})()

/** Byte of an alphabet character by its code (all below 324), -1 for characters outside the alphabet. */
export const charToByte: Int16Array = (() => {
  const table = new Int16Array(324).fill(-1)
  byteToChar.forEach((char, byte) => (table[char.charCodeAt(0)] = byte))
  return table
})()

/** The 256 characters in order of their code: the order in which a trained vocabulary lists them. */
export const alphabet: readonly string[] = [...byteToChar].sort()

/** Bytes of a token written in the alphabet; undefined if some character is outside it. */
export const bytesOfToken = (token: string): Uint8Array | undefined => {
  const bytes = new Uint8Array(token.length)
  for (let i = 0; i < token.length; i += 1) {
    const byte = charToByte[token.charCodeAt(i)] ?? -1
    if (byte < 0) return undefined
    bytes[i] = byte
  }
  return bytes
}

/** A text in the alphabet: one character for each byte of its UTF-8. */
export const spellBytes = (text: string): string => {
  const bytes = Buffer.from(text, 'utf8')
  let out = ''
  for (let i = 0; i < bytes.length; i += 1) out += byteToChar[bytes[i]!]!
  return out
}
