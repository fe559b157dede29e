/* Positions in a chart. Knows nothing of SVG elements. */

/** A linear map of `low` to `from` and `high` to `to`. */
export function scale([low, high], [from, to]) {
  const span = high - low || 1;
  return (value) => from + ((value - low) / span) * (to - from);
}

/** Round numbers from at or below `low` to at or above `high`, about `wanted` of them. */
export function ticks(low, high, wanted) {
  const rough = (high - low || 1) / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((part) => part * power).find((size) => size >= rough * 0.999);
  const first = Math.floor(low / step + 1e-9);
  const last = Math.ceil(high / step - 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

const LEAST = 1e-4; // on a logarithmic axis smaller values are drawn at this place
// The marks of a logarithmic axis: 1, 2 and 5 times each power of ten.
const ROUND = [-4, -3, -2, -1, 0, 1, 2].flatMap((power) => [1, 2, 5].map((part) => Number(`${part}e${power}`)));

/** The axes that a chart may have: how values become places, and its marks for a range of values.
    The axis "right" is for shares near 1, and logarithmic in the rest, which is 1 minus the share:
    from 90 to 99 % is as far as from 99 to 99.9 %. */
export const AXES = {
  linear: { place: (value) => value, marks: (low, high) => ticks(low, high, 4) },
  log: { place: (value) => Math.log10(Math.max(value, LEAST)), marks: (low, high) => around(ROUND, low, high) },
  right: {
    place: (value) => -Math.log10(Math.max(1 - value, LEAST)),
    marks: (low, high) => {
      const rests = ROUND.filter((rest) => rest <= 1);
      return around(rests, 1 - high, 1 - low).map((rest) => Number((1 - rest).toPrecision(8))).reverse();
    },
  },
};

/** The numbers of a rising list from the last at or below `low` to the first at or above `high`. */
function around(numbers, low, high) {
  const first = Math.max(0, numbers.findLastIndex((number) => number <= low));
  const end = numbers.findIndex((number) => number >= high);
  const found = numbers.slice(first, (end < 0 ? numbers.length : end) + 1);
  // More than seven lines are no help: then powers of ten alone, and both ends.
  return found.length <= 7 ? found : found.filter((number, i) => i === 0 || i === found.length - 1 || /^(1|0\.0*1)0*$/.test(String(number)));
}

/** The end of an axis of epochs when so many are done: a round number, at most all of them. */
export function horizon(done, epochs) {
  const round = [1, 2, 5, 10, 20, 50, 100, 200, 500].find((number) => number >= done && number >= 5);
  return Math.min(epochs, round ?? epochs);
}

/** The `d` of an SVG path through points; null breaks the line. */
export function path(points) {
  let pen = "M";
  return points
    .map((point) => {
      if (point === null) {
        pen = "M";
        return "";
      }
      const part = `${pen}${point[0].toFixed(1)} ${point[1].toFixed(1)}`;
      pen = "L";
      return part;
    })
    .join("");
}
