/* The geometry of the drawing pad: strokes, from a pointer or from keys.
   A stroke is {width, points}, points are [x, y] in pad units. Knows nothing of canvases. */

import { boundingBox } from "./reading.js";

/** The pad's size in its own units. */
export const PAD = Object.freeze({ width: 640, height: 480 });

/** Pixels per pad unit of the picture that is read: more would only take longer. */
export const PIXELS = 0.5;

/** A reading of the drawing's picture, with its boxes in pad units. */
export function inPadUnits(reading) {
  const digits = reading.digits.map((digit) => ({ ...digit, box: boundingBox(digit).map((side) => side / PIXELS) }));
  return { ...reading, digits };
}

/** Where a pointer is on the pad.
    @param {{left, top, width, height}} box  where the pad is on the screen */
export function toPad(clientX, clientY, box) {
  return [
    ((clientX - box.left) / box.width) * PAD.width,
    ((clientY - box.top) / box.height) * PAD.height,
  ];
}

// Three limits in parts of a drawing's height.
const WIDEST = 1.2; // the width of the widest digit
const GAP = 1 / 6; // the largest gap between strokes of one digit that lie one above the other
const TALL = 0.75; // the height of a tall stroke, of which a digit has at most one
const LEAST_HEIGHT = 40; // of a digit, in pad units

/** Whether strokes are surely one digit: they have its proportions, and none stands beside or far below the others. */
export function isLone(strokes) {
  const [across, down] = [0, 1].map((axis) => strokes.map(({ width, points }) => {
    const places = points.map((point) => point[axis]);
    return [Math.min(...places) - width / 2, Math.max(...places) + width / 2];
  }));
  const [width, height] = [across, down].map((sides) => Math.max(...sides.map((side) => side[1])) - Math.min(...sides.map((side) => side[0])));
  const tall = down.filter(([top, bottom]) => bottom - top >= TALL * height).length;
  return (
    height >= LEAST_HEIGHT && width <= WIDEST * height && tall <= 1 && widestGap(across) <= 0 && widestGap(down) <= GAP * height
  );
}

/** The widest gap between intervals; below 0 if all overlap. */
function widestGap(intervals) {
  const sorted = [...intervals].sort((a, b) => a[0] - b[0]);
  let [end, widest] = [sorted[0][1], -Infinity];
  for (const [start, stop] of sorted.slice(1)) {
    widest = Math.max(widest, start - end);
    end = Math.max(end, stop);
  }
  return widest;
}

/** Start a stroke: return the strokes with a new one at the end. */
export function begin(strokes, width, point) {
  return [...strokes, { width, points: [point] }];
}

/** Extend the last stroke to a point; earlier strokes stay the same objects. */
export function extend(strokes, point) {
  const last = strokes[strokes.length - 1];
  return [...strokes.slice(0, -1), { ...last, points: [...last.points, point] }];
}

/** A smooth line through points: quadratic curves between the midpoints of its segments.
    @returns {{start, curves, end}}  curves are [control x, control y, x, y] */
export function smooth(points) {
  const curves = [];
  for (let i = 1; i < points.length - 1; i += 1) {
    const [x, y] = points[i];
    const [nextX, nextY] = points[i + 1];
    curves.push([x, y, (x + nextX) / 2, (y + nextY) / 2]);
  }
  return { start: points[0], curves, end: points[points.length - 1] };
}

const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** Where a key moves the pen, or null for any other key. */
export function moved([x, y], key, step) {
  const way = STEPS[key];
  if (!way) return null;
  const within = (value, most) => Math.min(Math.max(value, 0), most);
  return [within(x + way[0] * step, PAD.width), within(y + way[1] * step, PAD.height)];
}
