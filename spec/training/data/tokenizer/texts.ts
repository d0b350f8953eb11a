import fc from 'fast-check'

const telling = [
  ' the', 'people', " don't", "'S", "''ll", " I'M", ' ', '  ', '\n\n', '\r\n', '\t', ' 1847', '12345', ' ½', '...', '…', '—',
  'é', 'e\u0301', 'ﬁ', 'Ⅷ', 'ß', 'İ', 'Σ', 'ΑΣ', '中文', '𝔸', '🦀', '🏳️‍🌈', '\u0301', '\ufeff', '\u0085', '\u00a0', '\u3000', '\u200b', '\u00ad',
  '\ufffd', '\u0000', '\u007f', 'x'.repeat(120), '▁', '▁▁the', '<0x41>', 'ſ', "'ſ", '$+<=>^`|~', '[MASK]', '[CLS]', ' <mask>', '<s>',
  '</s>', 'Ab c', '##ing', '</w>', '١٢',
] // prettier-ignore

/** Text that meets every branch: Unicode of all planes, English, contractions, white space, long runs, markup. Well formed. */
export const text: fc.Arbitrary<string> = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'binary', maxLength: 8 }),
      fc.string({ unit: 'grapheme', maxLength: 8 }),
      fc.constantFrom(...telling),
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(''))
