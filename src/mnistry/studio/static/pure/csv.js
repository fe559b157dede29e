/* Tables as CSV: RFC 4180, rows that end with CR LF. */

/** @param {Array<Array<string|number|null>>} rows  null becomes an empty cell */
export function toCsv(rows) {
  return rows.map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}

function cell(value) {
  const text = value === null ? "" : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
