/* Tables as POST /api/tables answers them, and corrections by hand. */

/** How many cells there are, and in how many something is unclear. */
export function summary(tables) {
  const cells = tables.flatMap((table) => table.rows.flat());
  return { cells: cells.length, unclear: cells.filter((cell) => cell.text.includes("?")).length };
}

/** The tables with another text in one cell. */
export function withCell(tables, number, y, x, text) {
  return tables.map((table, i) =>
    i !== number ? table : { ...table, rows: table.rows.map((row, j) =>
      j !== y ? row : row.map((cell, k) => (k !== x ? cell : { ...cell, text, by_hand: true }))) });
}

/** All rows as texts, with an empty row between two tables. */
export function lines(tables) {
  return tables.flatMap((table, number) => [
    ...(number ? [[""]] : []),
    ...table.rows.map((row) => row.map((cell) => safe(cell.text))),
  ]);
}

/** A text that no spreadsheet takes for a formula, and without tabs and line ends. */
export function safe(text) {
  const plain = text.replace(/[\t\r\n]+/g, " ").trim();
  return /^[-+=@]/.test(plain) && !/^[-+]\d*[.,]?\d+$/.test(plain) ? `'${plain}` : plain;
}
