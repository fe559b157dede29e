/* What was read in a picture or a drawing: the answer of POST /api/read. */

/** A digit as text, or "?". */
export function digitText(digit) {
  return digit.digit === null ? "?" : String(digit.digit);
}

/** How many digits are uncertain. */
export function uncertain(reading) {
  return reading.digits.filter((digit) => digit.digit === null).length;
}

/** The bounding box [x, y, width, height] of a digit or number in the picture. `box` is in pixels of the page, so it
    holds only if the page was neither turned nor flattened; else there is a `quad`: four corners in the picture. */
export function boundingBox({ quad, box }) {
  if (!quad) return box;
  const [x, y] = [0, 1].map((axis) => quad.map((point) => point[axis]));
  const [left, top] = [Math.min(...x), Math.min(...y)];
  return [left, top, Math.max(...x) - left, Math.max(...y) - top];
}
