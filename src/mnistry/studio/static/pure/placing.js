/* Points that a person shows on a page of a form and in its scan. Knows nothing of the page. */

/** Where a point of a scan, as shares of its width and height, lies once the scan is turned clockwise. */
export function turned([across, down], quarters) {
  return quarters ? turned([1 - down, across], quarters - 1) : [across, down];
}

/** Where a point of the turned scan lies in the scan itself. */
export function unturned(point, quarters) {
  return turned(point, (4 - quarters) % 4);
}

/** The corner nearest to a point, or the point itself if none is nearer than `reach`. */
export function snapped([x, y], corners, reach) {
  const away = ([left, top]) => Math.hypot(left - x, top - y);
  const nearest = corners.reduce((one, other) => (away(other) < away(one) ? other : one), [x, y + reach]);
  return away(nearest) < reach ? nearest : [x, y];
}

/** Where a point lies once an arrow key has moved it by a hundredth of the sheet, or a thousandth. */
export function moved([across, down], key, isFine) {
  const by = isFine ? 0.001 : 0.01;
  const right = (key === "ArrowRight") - (key === "ArrowLeft");
  const lower = (key === "ArrowDown") - (key === "ArrowUp");
  return [across + by * right, down + by * lower].map((share) => Math.min(1, Math.max(0, share)));
}

/** The first of the points that is not shown yet, after the present one or else from the start. */
export function nextPoint(shown, at) {
  const after = shown.findIndex((point, i) => i > at && !point);
  return after >= 0 ? after : shown.findIndex((point) => !point);
}
