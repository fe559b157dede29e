/* Small pictures of numbers, {width, height, data} row by row, resized and measured as OpenCV does. */

/** A picture whose numbers are made by `value(x, y)`. */
export function picture(width, height, value = () => 0) {
  const data = new Float32Array(width * height);
  for (let y = 0, i = 0; y < height; y += 1) for (let x = 0; x < width; x += 1, i += 1) data[i] = value(x, y);
  return { width, height, data };
}

/** The picture with other numbers in the same places. */
export function changed({ width, height, data }, change) {
  return { width, height, data: data.map(change) };
}

/** The box {x, y, width, height} of the numbers above `least`, or null. */
export function bounds({ width, height, data }, least) {
  let [left, right, top, bottom] = [width, -1, height, -1];
  for (let y = 0, i = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1, i += 1) {
      if (data[i] <= least) continue;
      left = Math.min(left, x);
      right = Math.max(right, x);
      top = Math.min(top, y);
      bottom = y;
    }
  }
  return right < 0 ? null : { x: left, y: top, width: right - left + 1, height: bottom - top + 1 };
}

/** Cut out a box, with `margin` more on each side; 0 where that is outside of the picture. */
export function cut({ width, height, data }, box, margin) {
  return picture(box.width + 2 * margin, box.height + 2 * margin, (x, y) => {
    const [column, row] = [box.x - margin + x, box.y - margin + y];
    return column >= 0 && column < width && row >= 0 && row < height ? data[row * width + column] : 0;
  });
}

/** Weighted sums of the numbers along both axes.
    @param {[number, Float64Array][]} down, across  for each result the first place and the weights from there on */
export function weighted({ width, data }, down, across) {
  const rows = new Float32Array(down.length * width);
  down.forEach(([first, weights], to) => {
    weights.forEach((weight, i) => {
      for (let x = 0; x < width; x += 1) rows[to * width + x] += weight * data[(first + i) * width + x];
    });
  });
  return picture(across.length, down.length, (x, y) => {
    const [first, weights] = across[x];
    let sum = 0;
    for (let i = 0; i < weights.length; i += 1) sum += weights[i] * rows[y * width + first + i];
    return sum;
  });
}

/** The mean of `side` numbers over each window, as weights: the first number that it covers, and a weight for
    this and each next one. A number that it covers in part weighs less.
    @returns {[number, Float64Array][]}  as `weighted` takes them */
export function means(starts, window, side) {
  return starts.map((start) => {
    const first = Math.min(Math.max(Math.floor(start), 0), side - 1);
    const last = Math.min(Math.max(Math.ceil(start + window) - 1, first), side - 1);
    const covered = (place) => Math.max(Math.min(start + window, place + 1) - Math.max(start, place), 0);
    return [first, Float64Array.from({ length: last - first + 1 }, (_, i) => covered(first + i) / window)];
  });
}

/** Resize a picture as OpenCV does.
    @param {boolean} smaller  whether to average areas (INTER_AREA) or to interpolate by cubics (INTER_CUBIC) */
export function resized(given, width, height, smaller) {
  const along = (from, to) => {
    const scale = from / to;
    const places = Array.from({ length: to }, (_, i) => i);
    if (smaller) return means(places.map((i) => i * scale), scale, from);
    return places.map((i) => cubic((i + 0.5) * scale - 0.5, from));
  };
  return weighted(given, along(given.height, height), along(given.width, width));
}

/** Cubic convolution (R. Keys, 1981): the weights of the four numbers around a place; outside of the picture its
    border is repeated. */
function cubic(place, side) {
  const left = Math.floor(place);
  const part = place - left;
  const a = -0.75; // as in OpenCV
  const near = (x) => ((a + 2) * x - (a + 3)) * x * x + 1;
  const far = (x) => ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
  const weights = [far(1 + part), near(part), near(1 - part), far(2 - part)];
  const within = (at) => Math.min(Math.max(at, 0), side - 1);
  const first = within(left - 1);
  const joined = new Float64Array(within(left + 2) - first + 1);
  weights.forEach((weight, i) => (joined[within(left - 1 + i) - first] += weight));
  return [first, joined];
}

// Steps to a neighbour, and by a knight's move: G. Borgefors, Distance Transformations in Digital
// Images, 1986; in units of 2^-16, as OpenCV computes.
const [STRAIGHT, DIAGONAL, KNIGHT] = [1, 1.4, 2.1969].map((step) => Math.round(step * 65536));
const FAR = 1 << 29;

/** The distance of each number above 0 to the nearest that is not: distanceTransform(…, DIST_L2, 5). */
export function distances({ width, height, data }) {
  const border = 2;
  const row = width + 2 * border;
  const found = new Int32Array(row * (height + 2 * border)).fill(FAR);
  const place = (x, y) => (y + border) * row + x + border;
  /** The distance by way of the neighbours above and to the left; with sign -1, of those below and to the right. */
  const nearest = (at, sign) => {
    const [above, beyond] = [at - sign * row, at - 2 * sign * row];
    const straight = Math.min(found[above], found[at - sign]) + STRAIGHT;
    const diagonal = Math.min(found[above - 1], found[above + 1]) + DIAGONAL;
    const knight =
      Math.min(found[above - 2], found[above + 2], found[beyond - 1], found[beyond + 1]) + KNIGHT;
    return Math.min(straight, diagonal, knight);
  };
  for (let y = 0, i = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1, i += 1) {
      found[place(x, y)] = data[i] > 0 ? Math.min(nearest(place(x, y), 1), FAR) : 0;
    }
  }
  for (let y = height - 1; y >= 0; y -= 1) {
    for (let x = width - 1; x >= 0; x -= 1) {
      const at = place(x, y);
      if (found[at]) found[at] = Math.min(nearest(at, -1), found[at]);
    }
  }
  return picture(width, height, (x, y) => found[place(x, y)] / 65536);
}
