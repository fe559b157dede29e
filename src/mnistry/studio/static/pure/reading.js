/* What was read in a picture or a drawing: the answer of POST /api/read. */

/** A digit as text, or "?". */
export function digitText(digit) {
  return digit.digit === null ? "?" : String(digit.digit);
}

/** How many digits are uncertain. */
export function uncertain(reading) {
  return reading.digits.filter((digit) => digit.digit === null).length;
}

/** The box of a digit or number in the picture: the page on it may be turned, or seen aslant. */
export function place({ quad, box }) {
  if (!quad) return box;
  const [x, y] = [0, 1].map((axis) => quad.map((point) => point[axis]));
  const [left, top] = [Math.min(...x), Math.min(...y)];
  return [left, top, Math.max(...x) - left, Math.max(...y) - top];
}
