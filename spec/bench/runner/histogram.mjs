/** Where binary16 begins and ends: its least subnormal, its least normal number, and the largest. */
const marks = [
  [-24, 'least subnormal'],
  [-14, 'least normal'],
  [16, 'overflow'],
]
const [from, to] = [-44, 18]
const [width, rowHeight, left, right, top] = [760, 130, 110, 16, 46]

/** How many numbers lie in each binade, and how many are 0. */
export const binades = (numbers) => {
  const counts = new Array(to - from).fill(0)
  let zeros = 0
  for (const x of numbers) {
    if (x === 0) zeros += 1
    else {
      const at = Math.floor(Math.log2(Math.abs(x)))
      counts[Math.min(to - 1, Math.max(from, at)) - from] += 1
    }
  }
  return { counts, zeros }
}

/**
 * Three histograms of one gradient by its binades, as SVG: exact, in f16, and in f16 of a scaled loss (as it stands in memory, not yet unscaled).
 */
export const gradientHistogram = ({ exact, plain, scaled, scale }) => {
  const rows = [
    ['f32', exact, '#5b6470'],
    ['f16, loss not scaled', plain, '#c2410c'],
    [`f16, loss × 2^${Math.log2(scale)}`, scaled, '#1d4ed8'],
  ].map(([label, numbers, color]) => ({ label, color, total: numbers.length, ...binades(numbers) }))
  const most = Math.max(...rows.flatMap(({ counts }) => counts))
  const x = (exponent) => left + ((exponent - from) / (to - from)) * (width - left - right)
  const height = top + rows.length * rowHeight + 40
  const foot = top + rows.length * rowHeight
  const bars = rows.map(({ label, color, counts, zeros, total }, r) => {
    const base = top + (r + 1) * rowHeight - 14
    const tall = (count) => (count / most) * (rowHeight - 34)
    const rects = counts.map((count, i) =>
      count === 0
        ? ''
        : `<rect x="${(x(from + i) + 0.5).toFixed(1)}" y="${(base - tall(count)).toFixed(1)}" width="${(x(1) - x(0) - 1).toFixed(1)}" height="${tall(count).toFixed(1)}" fill="${color}"/>`,
    )
    return `${rects.join('')}
<text x="${left + 4}" y="${base - rowHeight + 30}" font-weight="600">${label}</text>
<text x="${left - 8}" y="${base - 4}" text-anchor="end">${((100 * zeros) / total).toFixed(1)} % are 0</text>
<line x1="${left}" y1="${base}" x2="${width - right}" y2="${base}" stroke="#9aa3ad"/>`
  })
  const ticks = Array.from({ length: Math.floor((to - from) / 8) + 1 }, (_, i) => -40 + 8 * i)
    .filter((e) => e >= from && e <= to)
    .map((e) => `<text x="${x(e).toFixed(1)}" y="${foot + 4}" text-anchor="middle">${e}</text>`)
  const lines = marks.map(
    ([e, label]) =>
      `<line x1="${x(e).toFixed(1)}" y1="${top - 8}" x2="${x(e).toFixed(1)}" y2="${foot - 14}" stroke="#111827" stroke-dasharray="3 3"/>
<text x="${(x(e) - 4).toFixed(1)}" y="${top - 12}" text-anchor="end">${label}</text>`,
  )
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="12" fill="#111827">
<rect width="${width}" height="${height}" fill="#ffffff"/>
<text x="12" y="20" font-size="14" font-weight="600">Gradients that matrix products read on the way back, tiny: numbers in each binade</text>
${lines.join('\n')}
${bars.join('\n')}
${ticks.join('')}
<text x="${(left + width - right) / 2}" y="${foot + 24}" text-anchor="middle">log2 |g|</text>
</svg>
`
}
