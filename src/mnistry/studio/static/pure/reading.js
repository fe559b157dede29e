/* What was read in a drawing: the answer of POST /api/read. */

/** A digit as text, or "?". */
export function digitText(digit) {
  return digit.digit === null ? "?" : String(digit.digit);
}

/** How many digits are uncertain. */
export function uncertain(reading) {
  return reading.digits.filter((digit) => digit.digit === null).length;
}
