/* One digit's ink brought to MNIST's form, as mnistry.images.mnist_form does it, step by step.
   Ink is a picture of strengths from 0 for paper to 1. */

import { bounds, changed, cut, distances, means, resized, weighted } from "./picture.js";

const [SIDE, BOX] = [28, 20];
const CENTRE = 14; // MNIST's centre of mass, from the middle of the first pixel
const [THIN, THICK] = [2.08, 2.97]; // the quartiles of MNIST's stroke widths, in pixels
const [THINNEST, THICKEST] = [1.1, 7.8]; // the range of MNIST's stroke widths
const FULLNESS = 0.65; // the least mean strength of the ink in MNIST
const SUPERSAMPLING = 4; // strokes are redrawn at this multiple of the result's resolution
const LEAST = 2; // the least width of a stroke in pixels of that finer resolution
const FAINT = 0.06; // weaker ink is ignored

/** Bring a drawing to MNIST's form: 784 numbers from 0 for paper to 255; blank without ink. */
export function normalise(drawing) {
  const all = bounds(drawing, 0);
  const ink = all && cut(drawing, all, 1); // without the paper around it, which would take time
  const whole = ink && bounds(ink, FAINT);
  if (!whole) return new Uint8Array(SIDE * SIDE);
  const ends = extents(ink, whole);
  const form = reduced(ink, ends);
  const box = bounds(ink, 0.5);
  if (!box) return bytes(centred(form));
  const [bold, itsBox] = boldEnough(ink, box);
  const fine = scaled(bold, itsBox);
  const stroke = strokeWidth(fine);
  const longer = Math.max(...ends.map(([start, stop]) => stop - start));
  const isMnists = longer >= BOX - 1 && mayBeMnists(form, stroke / SUPERSAMPLING);
  return bytes(isMnists ? centred(form) : redrawn(fine, stroke));
}

/** How wide strokes are: four times the mean distance of their pixels to the edge. */
export function strokeWidth(ink) {
  const box = bounds(ink, 0.5);
  if (!box) return 0;
  const mask = cut(asMask(ink), box, 1);
  const { data } = distances(mask);
  let [sum, count] = [0, 0];
  data.forEach((distance, i) => {
    if (!mask.data[i]) return;
    sum += distance;
    count += 1;
  });
  return 4 * (sum / count - 0.5);
}

function asMask(ink) {
  return changed(ink, (strength) => (strength > 0.5 ? 1 : 0));
}

/** Where ink begins and ends, down and across. */
function extents({ width, height, data }, box) {
  const longer = Math.max(box.width, box.height);
  // How far from each end the strength is looked for: one of MNIST's pixels. Soft edges of smaller digits are wider.
  const near = Math.max(Math.floor(longer / BOX), longer >= BOX - 1 ? 1 : 2);
  const [down, across] = [new Float32Array(height), new Float32Array(width)];
  for (let row = 0, i = 0; row < height; row += 1) {
    for (let column = 0; column < width; column += 1, i += 1) {
      down[row] = Math.max(down[row], data[i]);
      across[column] = Math.max(across[column], data[i]);
    }
  }
  return [extent(down, box.y, box.height, near), extent(across, box.x, box.width, near)];
}

/** Where a profile reaches half of its strength near each end. */
function extent(profile, first, length, near) {
  const last = first + length - 1;
  const at = (i) => profile[i] ?? 0;
  const places = Array.from({ length: near + 1 }, (_, i) => i - 1);
  const rise = places.map((i) => first + i).filter((i) => i < profile.length).map(at);
  const fall = places.map((i) => last - i).filter((i) => i >= 0).map(at);
  return [first - 0.5 + crossing(rise), last + 1.5 - crossing(fall)];
}

/** The interpolated index at which a profile reaches half of its highest value. */
function crossing(rise) {
  const half = Math.max(...rise.slice(1)) / 2;
  const index = Math.max(1, rise.findIndex((value) => value >= half));
  const [before, at] = [rise[index - 1], rise[index]];
  return at > before ? index - Math.min(1, (at - half) / (at - before)) : index - 1;
}

/** Scale ink so that its longer side covers BOX pixels, with a pixel's margin. Each new pixel is the mean over a
    `window`: its own area if edges are sharp, less if they are soft, or the ink would be blurred twice. */
function reduced(ink, ends) {
  const pixel = Math.max(...ends.map(([start, stop]) => stop - start)) / BOX;
  const window = Math.max(1, Math.min(Math.max(2 * pixel - softness(ink), pixel / 4), pixel));
  const [down, across] = ends.map(([start, stop], axis) => {
    const count = Math.max(1, Math.ceil((stop - start) / pixel - 0.1)) + 2;
    const middle = (i) => (start + stop) / 2 + pixel * (i - (count - 1) / 2);
    const starts = Array.from({ length: count }, (_, i) => middle(i) - window / 2);
    return means(starts, window, axis ? ink.width : ink.height);
  });
  return weighted(ink, down, across);
}

/** The width of the ink's edges in pixels: 1 if they are sharp. */
function softness({ width, data }) {
  let [sum, squares] = [0, 0];
  for (let i = 0; i < data.length; i += 1) {
    const right = i % width < width - 1 ? Math.abs(data[i + 1] - data[i]) : 0;
    const down = i + width < data.length ? Math.abs(data[i + width] - data[i]) : 0;
    sum += right + down;
    squares += right * right + down * down;
  }
  return squares ? sum / squares : 1;
}

/** Whether the ink's strength and stroke width are within the range of MNIST's images. */
function mayBeMnists({ data }, stroke) {
  let [sum, squares] = [0, 0];
  for (const strength of data) {
    sum += strength;
    squares += strength * strength;
  }
  return squares / Math.max(sum, 1e-9) >= FULLNESS && stroke >= THINNEST && stroke <= THICKEST;
}

/** Thicken strokes that would vanish when a large digit is reduced; return its box too. */
function boldEnough(ink, box) {
  const least = (LEAST * Math.max(box.width, box.height)) / (BOX * SUPERSAMPLING);
  const mask = asMask(ink);
  if (least <= 1 || isBold(mask, 2 * least)) return [ink, box];
  const out = (least - strokeWidth(ink)) / 2;
  if (out <= 0) return [ink, box];
  const bold = redrawnBy(mask, out);
  return [bold, bounds(bold, 0.5) ?? box];
}

/** Whether strokes are clearly wider than `wide`: estimated from area and edges, which is quicker than measuring. */
function isBold({ width, data }, wide) {
  let [area, edges] = [0, 0];
  for (let i = 0; i < data.length; i += 1) {
    area += data[i];
    if (i % width < width - 1) edges += Math.abs(data[i + 1] - data[i]);
    if (i + width < data.length) edges += Math.abs(data[i + width] - data[i]);
  }
  return 2 * area > wide * edges;
}

/** Cut out a box with a margin for its soft edge, and scale it to the fine resolution. */
function scaled(ink, box) {
  const factor = (BOX * SUPERSAMPLING) / Math.max(box.width, box.height);
  const part = cut(ink, box, 2 + Math.ceil(1 / factor));
  const side = (length) => Math.max(1, Math.round(length * factor));
  const large = resized(part, side(part.width), side(part.height), factor < 1);
  return changed(large, (strength) => Math.min(Math.max(strength, 0), 1));
}

/** Redraw a digit at full strength with strokes in MNIST's middle range, centred exactly. */
function redrawn(fine, stroke) {
  const middle = CENTRE * SUPERSAMPLING + (SUPERSAMPLING - 1) / 2;
  return resized(laid(withStroke(fine, stroke), SIDE * SUPERSAMPLING, middle), SIDE, SIDE, true);
}

/** Thicken or thin strokes to MNIST's width once the digit is 20 pixels long. */
function withStroke(fine, width) {
  const box = bounds(fine, 0.5);
  if (!box) return fine;
  const longer = Math.max(box.width, box.height);
  const wanted = Math.min(Math.max((width * BOX) / longer, THIN), THICK) / BOX;
  // Moving the edge by d makes the stroke w + 2d and the box b + 2d; solve for d by their ratio.
  const moved = redrawnBy(asMask(fine), (wanted * longer - width) / (2 * (1 - wanted)));
  const itsBox = bounds(moved, 0.5);
  return itsBox ? scaled(moved, itsBox) : fine;
}

/** Redraw a mask with its edge moved outwards by `out` pixels, and a margin for it. */
function redrawnBy(mask, out) {
  const whole = { x: 0, y: 0, width: mask.width, height: mask.height };
  const padded = cut(mask, whole, Math.max(0, Math.ceil(out)) + 2);
  const inside = distances(padded).data;
  const outside = distances(changed(padded, (value) => 1 - value)).data;
  return changed(padded, (value, i) => {
    const depth = value > 0 ? inside[i] - 0.5 : 0.5 - outside[i];
    return Math.min(Math.max(depth + out + 0.5, 0), 1);
  });
}

/** Move ink by whole pixels so that its centre of mass is nearest to the middle. */
function centred(form) {
  return laid(form, SIDE, CENTRE);
}

/** Put ink on a square page with its centre of mass at `middle`, or next to it. */
function laid(ink, side, middle) {
  let [sum, x, y] = [0, 0, 0];
  ink.data.forEach((strength, i) => {
    sum += strength;
    x += strength * (i % ink.width);
    y += strength * Math.floor(i / ink.width);
  });
  // Half-way between two pixels the upper or left one is taken, whatever the rounding errors.
  const [left, top] = [x, y].map((moment) => Math.ceil(middle - moment / sum - 0.501));
  return cut(ink, { x: -left, y: -top, width: side, height: side }, 0);
}

function bytes({ data }) {
  return Uint8Array.from(data, (strength) => Math.round(255 * Math.min(Math.max(strength, 0), 1)));
}
