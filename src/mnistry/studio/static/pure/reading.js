/* What was read in a picture, and corrections by hand.
   A reading is the answer of POST /api/read; a corrected digit has `by_hand: true`. */

/** A digit as text: as read or corrected, or "?". */
export function said(digit) {
  return digit.digit === null ? "?" : String(digit.digit);
}

/** The reading with one digit corrected by hand. */
export function corrected(reading, index, digit) {
  return replaced(reading, index, { ...reading.digits[index], digit, by_hand: true });
}

/** The reading without a mark that is not a digit. */
export function removed(reading, index) {
  return replaced(reading, index);
}

function replaced(reading, index, ...instead) {
  const digits = [...reading.digits.slice(0, index), ...instead, ...reading.digits.slice(index + 1)];
  return { ...reading, digits };
}

/** The written lines in order: number from 1, text, and digits with their indices. */
export function lines(reading) {
  const found = new Map();
  reading.digits.forEach((digit, index) => {
    if (!found.has(digit.line)) found.set(digit.line, []);
    found.get(digit.line).push({ ...digit, index });
  });
  return [...found.entries()]
    .sort(([a], [b]) => a - b)
    .map(([line, digits]) => ({ line: line + 1, text: digits.map(said).join(""), digits }));
}

/** The lowest confidence of the digits that were not corrected; null without any. */
export function least(digits) {
  const own = digits.filter((digit) => !digit.by_hand).map((digit) => digit.confidence);
  return own.length ? Math.min(...own) : null;
}

/** How many digits are uncertain. */
export function uncertain(reading) {
  return reading.digits.filter((digit) => digit.digit === null).length;
}

/** A table with a row for each written line. */
export function table(name, reading) {
  const rows = lines(reading).map(({ line, text, digits }) => [
    name,
    line,
    text,
    least(digits)?.toFixed(4) ?? null,
    digits.filter((digit) => digit.by_hand).length,
  ]);
  return [["file", "line", "text", "confidence", "corrected"], ...rows];
}
