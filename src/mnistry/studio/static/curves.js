/* Line charts in SVG with a title and two axes. */

import { drawn } from "./dom.js";
import { AXES, path, scale, ticks } from "./pure/chart.js";
import { fixed } from "./pure/format.js";

const WIDTH = 420;
const HEIGHT = 270;
const EDGE = { left: 64, right: 14, top: 30, bottom: 40 };

/** Draw a chart of losses and one of accuracies over the epochs.
    @param {{loss, accuracy}} charts  two `svg` elements
    @param {{epochs, log: boolean, best: number | null, lines: {kind, loss, accuracy, dots}[]}} curves
      `epochs` is the end of the axis; `best` an epoch to be marked; `loss` and `accuracy` of a line are points
      [epoch, value], null for a gap; with `dots` each point gets one */
export function plotBoth(charts, { epochs, log, best, lines }) {
  const of = (name) => lines.map((line) => ({ ...line, points: line[name] }));
  plot(charts.loss, {
    title: "loss", unit: (value) => (value && value < 0.01 ? String(value) : fixed(value, 2)), epochs, best, lines: of("loss"),
    axis: log ? "log" : "linear", usual: log ? [0.05, 2] : [0, 0.5], always: log ? [] : [0],
  });
  plot(charts.accuracy, {
    title: "accuracy", unit: (value) => `${Number((value * 100).toFixed(3))} %`, epochs, best, lines: of("accuracy"),
    axis: log ? "right" : "linear", usual: log ? [0.5, 0.98] : [0.9, 1], always: log ? [] : [1],
  });
}

/** Replace the content of an `svg` element by a chart. Its value axis covers the lines' values and those in
    `always`; without lines, those in `usual`. */
function plot(svg, { title, unit, epochs, best, lines, axis, usual, always }) {
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  const { place, marks: marksOf } = AXES[axis];
  const values = lines.flatMap(({ points }) => points.filter(Boolean).map(([, value]) => value));
  const all = values.length ? [...values, ...always] : usual;
  const marks = marksOf(Math.min(...all), Math.max(...all));
  const x = scale([0, epochs], [EDGE.left, WIDTH - EDGE.right]);
  const height = scale([place(marks[0]), place(marks[marks.length - 1])], [HEIGHT - EDGE.bottom, EDGE.top]);
  const y = (value) => height(place(value));
  svg.replaceChildren(
    drawn("text", { class: "chart-title", x: EDGE.left, y: 16 }, title),
    ...marks.flatMap((value) => across(y(value), unit(value))),
    ...ticks(0, epochs, 6).filter((epoch) => Number.isInteger(epoch) && epoch <= epochs)
      .map((epoch) => drawn("text", { x: x(epoch), y: HEIGHT - EDGE.bottom + 18, "text-anchor": "middle" }, String(epoch))),
    drawn("text", { class: "chart-axis", x: WIDTH - EDGE.right, y: HEIGHT - 6, "text-anchor": "end" }, "epochs done"),
    ...(best === null ? [] : [drawn("line", { class: "chart-best", x1: x(best), x2: x(best), y1: EDGE.top, y2: HEIGHT - EDGE.bottom })]),
    ...lines.flatMap((line) => inked(line, x, y)),
  );
}

function across(y, text) {
  return [
    drawn("line", { class: "chart-grid", x1: EDGE.left, x2: WIDTH - EDGE.right, y1: y, y2: y }),
    drawn("text", { x: EDGE.left - 8, y: y + 4, "text-anchor": "end" }, text),
  ];
}

function inked({ kind, points, dots }, x, y) {
  const places = points.map((point) => point && [x(point[0]), y(point[1])]);
  return [
    drawn("path", { class: `chart-line ${kind}`, d: path(places) }),
    ...(dots ? places.map(([cx, cy]) => drawn("circle", { class: `chart-dot ${kind}`, cx, cy, r: 3 })) : []),
  ];
}

/** The figures of all epochs as a line with dots: [epoch, value], for `loss` and `accuracy`.
    @param {string} prefix  "" or "val_" */
export function ofEpochs(kind, epochs, prefix = "") {
  const of = (name) => epochs
    .map((epoch, i) => [epoch.epoch ?? i + 1, epoch[prefix + name]])
    .filter(([, value]) => typeof value === "number");
  return { kind, dots: true, loss: of("loss"), accuracy: of("accuracy") };
}
