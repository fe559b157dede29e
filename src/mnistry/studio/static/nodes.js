/* A layer's nodes as squares on a canvas: one is chosen with a click or with the arrow keys. */

import { paint, themed } from "./dom.js";
import { mix, quantile, signed } from "./pure/colours.js";
import { fixed } from "./pure/format.js";
import { grid, neighbour } from "./pure/node.js";

const SIDE = 16; // of a square, in pixels
// Weights above this quantile get the full colour, so that a few do not make the rest pale.
export const NEARLY_ALL = 0.995;

/** Let a node be chosen.
    @param {() => number} nodes  how many there are, 0 if none can be chosen
    @param {() => number} chosen
    @param {(node: number) => void} choose */
export function makeGrid(canvas, nodes, chosen, choose) {
  canvas.addEventListener("keydown", (event) => {
    const next = nodes() ? neighbour(chosen(), event.key, nodes()) : null;
    if (next === null) return;
    event.preventDefault();
    choose(next);
  });
  canvas.addEventListener("click", (event) => {
    if (!nodes()) return;
    const { columns, rows } = grid(nodes());
    const column = Math.floor((event.offsetX / canvas.clientWidth) * columns);
    const row = Math.floor((event.offsetY / canvas.clientHeight) * rows);
    choose(Math.min(nodes() - 1, Math.max(0, row * columns + column)));
  });
}

/** Light up the nodes: the larger its output, the brighter the square.
    @param {number | null} chosen  this one has a frame; null before there is an image */
export function light(canvas, values, chosen) {
  const [off, on, mark] = ["--node-off", "--node-on", "--node-mark"].map(themed);
  const largest = Math.max(...values);
  const { columns, rows } = grid(values.length);
  canvas.width = columns * SIDE;
  canvas.height = rows * SIDE;
  const context = canvas.getContext("2d");
  const corner = (node) => [(node % columns) * SIDE, Math.floor(node / columns) * SIDE];
  values.forEach((value, node) => {
    const [x, y] = corner(node);
    context.fillStyle = `rgb(${mix(off, on, largest > 0 ? Math.sqrt(Math.max(value, 0) / largest) : 0)})`;
    context.fillRect(x + 1, y + 1, SIDE - 2, SIDE - 2);
  });
  canvas.setAttribute("aria-valuemax", String(values.length - 1));
  canvas.setAttribute("aria-valuenow", String(chosen ?? 0));
  canvas.setAttribute(
    "aria-valuetext",
    chosen === null ? "no image yet" : `node ${chosen}, output ${fixed(values[chosen], 2)}`,
  );
  if (chosen === null) return;
  const [x, y] = corner(chosen);
  context.strokeStyle = `rgb(${mark})`;
  context.lineWidth = 3;
  context.strokeRect(x + 0.5, y + 0.5, SIDE - 1, SIDE - 1);
}

/** Paint a node's weights, and what each pixel adds to its sum, in the same colours. */
export function paintWeights(canvas, weights, termCanvas, terms) {
  const limit = quantile(weights.flat().map(Math.abs), NEARLY_ALL);
  paint(canvas, weights, (value) => signed(value, limit));
  paint(termCanvas, terms, (value) => signed(value, limit));
}
