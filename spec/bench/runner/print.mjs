/** Rows of cells as aligned text; the first row is the heading, numbers stand right. */
export const table = (rows) => {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => String(row[column]).length)))
  const isNumber = rows[0].map((_, column) => rows.slice(1).some((row) => /^[-+]?[\d.]+/.test(String(row[column]))))
  return rows
    .map((row) =>
      row
        .map((cell, c) => (isNumber[c] ? String(cell).padStart(widths[c]) : String(cell).padEnd(widths[c])))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
