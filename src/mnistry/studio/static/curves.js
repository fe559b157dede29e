/* Line charts in SVG with a title and two axes. */

import { drawn } from "./dom.js";
import { path, scale, ticks } from "./pure/chart.js";

const WIDTH = 480;
const HEIGHT = 260;
const EDGE = { left: 58, right: 14, top: 30, bottom: 40 };

/** Replace the content of an `svg` element by a chart.
    @param {{title, unit: (value) => string, epochs, lines, best, usual}} chart
      `lines` are {kind, points, dots}: points [epoch, value], or null for a gap;
      `unit` formats a value; the axis always includes `best`, and without lines it ends at `usual` */
export function plot(svg, { title, unit, epochs, lines, best, usual }) {
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  const values = lines.flatMap(({ points }) => points.filter(Boolean).map(([, value]) => value));
  values.push(best, ...(values.length ? [] : [usual]));
  const marks = ticks(Math.min(...values), Math.max(...values), 4);
  const x = scale([0, epochs], [EDGE.left, WIDTH - EDGE.right]);
  const y = scale([marks[0], marks[marks.length - 1]], [HEIGHT - EDGE.bottom, EDGE.top]);
  svg.replaceChildren(
    drawn("text", { class: "chart-title", x: EDGE.left, y: 16 }, title),
    ...marks.flatMap((value) => across(y(value), unit(value))),
    ...ticks(0, epochs, 6).filter((epoch) => Number.isInteger(epoch) && epoch <= epochs)
      .map((epoch) => drawn("text", { x: x(epoch), y: HEIGHT - EDGE.bottom + 18, "text-anchor": "middle" }, String(epoch))),
    drawn("text", { class: "chart-axis", x: WIDTH - EDGE.right, y: HEIGHT - 6, "text-anchor": "end" }, "epochs done"),
    ...lines.flatMap((line) => inked(line, x, y)),
  );
}

function across(y, text) {
  return [
    drawn("line", { class: "chart-grid", x1: EDGE.left, x2: WIDTH - EDGE.right, y1: y, y2: y }),
    drawn("text", { x: EDGE.left - 8, y: y + 4, "text-anchor": "end" }, text),
  ];
}

function inked({ kind, points, dots = [] }, x, y) {
  const places = points.map((point) => point && [x(point[0]), y(point[1])]);
  return [
    drawn("path", { class: `chart-line ${kind}`, d: path(places) }),
    ...dots.map(([epoch, value]) => drawn("circle", { class: `chart-dot ${kind}`, cx: x(epoch), cy: y(value), r: 3.5 })),
  ];
}
