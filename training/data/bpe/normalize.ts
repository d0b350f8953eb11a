/** Normalisations that tokenizer.json may name and we apply, in order, before splitting into words. */
export const normalizerNames = ['NFC', 'NFD', 'NFKC', 'NFKD', 'Lowercase'] as const
export type Normalizer = (typeof normalizerNames)[number]

/** Lower-casing goes character by character, as in the Rust library: a final sigma stays σ, unlike `toLowerCase`. */
export const normalize = (normalizers: readonly Normalizer[], text: string): string =>
  normalizers.reduce((s, name) => (name === 'Lowercase' ? lowerCase(s) : s.normalize(name)), text)

const lowerCase = (text: string): string =>
  text.includes('\u03a3') ? Array.from(text, (char) => char.toLowerCase()).join('') : text.toLowerCase()
