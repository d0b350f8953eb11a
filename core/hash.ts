/** A 64-bit hash of text as two unsigned 32-bit halves (murmur3's finalizer over two multiplicative streams). */
export const hash64 = (text: string): readonly [number, number] => {
  let a = 0xdeadbeef ^ text.length
  let b = 0x41c6ce57 ^ text.length
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    a = Math.imul(a ^ c, 0x9e3779b1)
    b = Math.imul(b ^ c, 0x5f356495)
  }
  const mixA = Math.imul(a ^ (a >>> 16), 0x85ebca6b) ^ Math.imul(b ^ (b >>> 13), 0xc2b2ae35)
  const mixB = Math.imul(b ^ (b >>> 16), 0x85ebca6b) ^ Math.imul(mixA ^ (mixA >>> 13), 0xc2b2ae35)
  return [mixA >>> 0, mixB >>> 0]
}

/** The hash as 16 hexadecimal digits. */
export const hashText = (text: string): string => {
  const [a, b] = hash64(text)
  return a.toString(16).padStart(8, '0') + b.toString(16).padStart(8, '0')
}
