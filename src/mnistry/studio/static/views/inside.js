/* Inside: each layer's output for an image, in colours and in numbers. */

import * as api from "../api.js";
import { makeChoice } from "../choice.js";
import { byId, element, paint, row, themed } from "../dom.js";
import { makePad } from "../pad.js";
import { ink, mix, quantile, signed } from "../pure/colours.js";
import { bits, count, fixed, percent, plural, shape, tiny } from "../pure/format.js";
import { Newest } from "../pure/newest.js";
import { channel, grid, neighbour, strongest, terms, total } from "../pure/node.js";
import { session } from "../session.js";

const PEN = 22; // pad units
const BLANK = Array.from({ length: 28 }, () => Array(28).fill(0));
const STRONGEST = 6;
const MOST_MAPS = 64; // feature maps of one layer that are shown
const MOVERS = new Set(["Cast", "Flatten", "Reshape", "Transpose"]); // operators that only change the layout
// Weights above this quantile get the full colour, so that a few do not make the rest pale.
const NEARLY_ALL = 0.995;

let studio;
let explained = null; // the answer of /api/explain for `image`
let image = null;
let node = 0;
let unit = null; // {number, weights, bias} of the node last asked for
let own = false; // whether the user has chosen the node
let unfolded = null; // names of the layers whose outputs are shown

const explainer = new Newest(
  ({ image, label }) => api.tell("POST", "explain", { image, label }),
  (answer, subject) => show(answer, subject),
  (error) => studio.report(error),
);
const weigher = new Newest(
  (which) => api.ask(`units/${which}`),
  (answer, which) => {
    unit = { number: which, ...answer };
    showNode();
  },
  (error) => studio.report(error),
);

export function make(given) {
  studio = given;
  makePad(byId("inside-pad"), () => PEN);
  makeChoice(byId("inside-choice"));
  byId("inside-undo").addEventListener("click", () => session.undo());
  byId("inside-clear").addEventListener("click", () => session.clear());
  const canvas = byId("inside-grid");
  canvas.addEventListener("keydown", (event) => {
    const next = explained?.hidden && neighbour(node, event.key, explained.hidden.values.length);
    if (next === null || next === undefined) return;
    event.preventDefault();
    choose(next);
  });
  canvas.addEventListener("click", (event) => {
    const nodes = explained?.hidden?.values.length;
    if (!nodes) return;
    const { columns, rows } = grid(nodes);
    const column = Math.floor((event.offsetX / canvas.clientWidth) * columns);
    const line = Math.floor((event.offsetY / canvas.clientHeight) * rows);
    choose(Math.min(nodes - 1, Math.max(0, line * columns + column)));
  });
  session.addEventListener("drawn", showTools);
  session.addEventListener("subject", () => {
    if (!byId("view-inside").hidden) shown();
  });
  showEmpty();
}

/** Called when the view is shown or its image changes. */
export function shown() {
  const { network } = studio.status ?? {};
  byId("inside-network").textContent = network
    ? `${network.name}: ${plural(network.layers.length, "layer")}, from 28×28 pixels to ten probabilities`
    : "";
  const { subject } = session;
  showTools();
  if (subject) explainer.want(subject);
  else {
    explainer.forget();
    showEmpty();
  }
}

/** Called after a change of network: forget the nodes of the last one. */
export function networkChanged() {
  weigher.forget();
  unit = null;
  node = 0;
  own = false;
  unfolded = null;
}

function showTools() {
  byId("inside-undo").disabled = !session.past.length;
  byId("inside-clear").disabled = !session.strokes.length;
  byId("inside-hint").hidden = session.strokes.length > 0;
}

function showEmpty() {
  explained = image = unit = null;
  paint(byId("inside-input"), BLANK, ink);
  byId("inside-subject").textContent = "784 pixels; the network divides each by 255.";
  showHidden();
  showMaps();
  showNode();
  showAnswer({ logits: [], exponentials: [], probabilities: Array(10).fill(null) });
  byId("inside-cost").textContent = "";
}

function show(answer, subject) {
  explained = answer;
  image = subject.image;
  paint(byId("inside-input"), image, ink);
  byId("inside-input").setAttribute("aria-label", `The network’s input, from ${subject.name}`);
  byId("inside-subject").textContent = `784 pixels of ${subject.name}; the network divides each by 255.`;
  if (answer.hidden && !own) node = strongest(answer.hidden.values, 1)[0];
  showHidden();
  showMaps();
  if (answer.hidden) {
    showNode();
    weigher.want(node);
  }
  showAnswer(answer);
  byId("inside-cost").textContent =
    answer.bits === null
      ? "Choose the true digit in Draw to see the loss."
      : `The true digit is ${subject.label}: the loss is ${bits(answer.bits)}.`;
}

function choose(which) {
  node = which;
  own = true;
  unit = null;
  showHidden();
  showNode();
  weigher.want(which);
}

function showHidden() {
  const hidden = explained?.hidden;
  const canvas = byId("inside-grid");
  const dense = explained ? Boolean(hidden) : studio?.status?.network.dense ?? true;
  byId("view-inside").dataset.dense = String(dense);
  byId("inside-4").firstElementChild.textContent = dense ? "4" : "3";
  canvas.hidden = !dense;
  byId("inside-fired").hidden = !dense;
  byId("inside-node").hidden = !dense;
  byId("inside-strongest").hidden = !dense;
  const values = hidden?.values ?? Array(studio?.status?.network.units ?? 512).fill(0);
  byId("inside-hidden-title").textContent = dense ? `${count(values.length)} hidden nodes` : "The layers’ outputs";
  if (!dense) return;
  const largest = Math.max(...values);
  const [off, on, mark] = ["--node-off", "--node-on", "--node-mark"].map(themed);
  lights(canvas, values, (value) => mix(off, on, largest ? Math.sqrt(value / largest) : 0), mark);
  canvas.setAttribute("aria-valuemax", String(values.length - 1));
  canvas.setAttribute("aria-valuenow", String(node));
  canvas.setAttribute("aria-valuetext", hidden ? `node ${node}, output ${fixed(values[node], 2)}` : "no image yet");
  if (!hidden) {
    byId("inside-fired").textContent = "Each square is a node: the larger its output, the brighter the square. Draw a digit.";
    byId("inside-strongest").replaceChildren();
    return;
  }
  const fired = hidden.sums.filter((sum) => sum > 0).length;
  byId("inside-fired").textContent =
    `${count(fired)} of ${count(values.length)} have a sum above 0: they fire. The largest output is ${fixed(largest, 2)}. Choose a node with a click or the arrow keys.`;
  byId("inside-strongest").replaceChildren(...strongest(values, STRONGEST).map(strongButton));
}

function strongButton(which) {
  const made = element("button", { type: "button", "aria-pressed": String(which === node) }, `node ${which}`);
  made.addEventListener("click", () => choose(which));
  return made;
}

/** Draw nodes as squares; the chosen one has a frame. */
function lights(canvas, values, colour, mark) {
  const { columns, rows } = grid(values.length);
  const size = 16;
  canvas.width = columns * size;
  canvas.height = rows * size;
  const context = canvas.getContext("2d");
  values.forEach((value, i) => {
    context.fillStyle = `rgb(${colour(value)})`;
    context.fillRect((i % columns) * size + 1, Math.floor(i / columns) * size + 1, size - 2, size - 2);
  });
  if (!explained) return;
  context.strokeStyle = `rgb(${mark})`;
  context.lineWidth = 3;
  context.strokeRect((node % columns) * size + 0.5, Math.floor(node / columns) * size + 0.5, size - 1, size - 1);
}

/** Show the layers of a network that is not dense: feature maps as pictures, nodes as squares. */
function showMaps() {
  const box = byId("inside-maps");
  if (!explained || explained.hidden) {
    box.replaceChildren();
    return;
  }
  const layers = explained.layers
    .slice(0, -1)
    .filter(({ kind }) => !kind.split(", ").every((part) => MOVERS.has(part)));
  unfolded ??= new Set(layers.filter(({ kind }) => /relu/i.test(kind)).slice(0, 1).map(({ name }) => name));
  box.replaceChildren(...layers.map(layerDetails));
}

/** A layer that unfolds; its pictures are painted when it is opened. */
function layerDetails(layer) {
  const { name, kind, shape: sides } = layer;
  const made = element(
    "details",
    { open: unfolded.has(name) },
    element("summary", {}, `${name}: ${kind}, ${shape(sides)}`),
  );
  if (made.open) made.append(pictures(layer));
  made.addEventListener("toggle", () => {
    if (made.open === unfolded.has(name)) return;
    if (made.open) unfolded.add(name);
    else unfolded.delete(name);
    if (made.open && made.children.length === 1) made.append(pictures(layer));
  });
  return made;
}

function pictures({ name, shape: sides, values }) {
  const maps = sides.length === 3;
  const all = maps
    ? Array.from({ length: Math.min(sides[2], MOST_MAPS) }, (_, i) => channel(values, sides, i))
    : [rowsOf(values)];
  const limit = quantile(values.map(Math.abs), NEARLY_ALL);
  const canvases = all.map((picture) => {
    const canvas = element("canvas", { className: "pixels", "aria-hidden": "true" });
    paint(canvas, picture, (value) => signed(value, limit));
    return canvas;
  });
  const figure = element(
    "figure",
    { role: "img", "aria-label": `The output of ${name}, as pictures` },
    element("div", { className: maps ? "channels" : "nodes" }, ...canvases),
  );
  if (maps && sides[2] > MOST_MAPS) {
    figure.append(element("figcaption", {}, `The first ${MOST_MAPS} of ${sides[2]} channels`));
  }
  return figure;
}

function rowsOf(flat) {
  const { columns, rows } = grid(flat.length);
  return Array.from({ length: rows }, (_, r) =>
    Array.from({ length: columns }, (_, c) => flat[r * columns + c] ?? 0),
  );
}

function showNode() {
  byId("inside-node-title").textContent = explained ? `Node ${node}` : "One node";
  if (unit?.number !== node || !explained?.hidden) {
    for (const id of ["inside-weights", "inside-terms"]) paint(byId(id), BLANK, ink);
    byId("inside-sum").textContent = "v = w₀ + Σ w·x";
    return;
  }
  const parts = terms(unit.weights, image);
  const limit = quantile(unit.weights.flat().map(Math.abs), NEARLY_ALL);
  for (const [id, picture] of [["inside-weights", unit.weights], ["inside-terms", parts]]) {
    paint(byId(id), picture, (value) => signed(value, limit));
  }
  byId("inside-weights").setAttribute("aria-label", `The 784 weights of node ${node}`);
  byId("inside-terms").setAttribute("aria-label", `Weight times pixel of node ${node} for this image`);
  const sum = explained.hidden.sums[node];
  const value = explained.hidden.values[node];
  byId("inside-sum").textContent =
    `v = w₀ + Σ w·x = ${fixed(unit.bias, 4)} + ${plus(total(parts))} = ${fixed(sum, 4)}\n` +
    `${sum > 0 ? "It fires; its" : "Its"} output is ${fixed(value, 4)}.`;
}

function plus(value) {
  return value < 0 ? `(${fixed(value, 4)})` : fixed(value, 4);
}

function showAnswer({ logits, exponentials, probabilities, argmax }) {
  byId("inside-table").replaceChildren(
    ...probabilities.map((probability, k) => {
      const bar = element("span");
      bar.style.width = `${(probability ?? 0) * 100}%`;
      const cells = row(
        [
          String(k),
          probability === null || !logits ? "–" : fixed(logits[k], 3),
          probability === null || !exponentials ? "–" : tiny(exponentials[k]),
          probability === null ? "–" : percent(probability, 2),
        ],
        { className: k === argmax ? "marked" : "" },
      );
      cells.append(
        element("td", { className: "bar" }, bar),
        element("td", {}, k === argmax ? `← ${k}` : ""),
      );
      return cells;
    }),
  );
  const sum = exponentials?.reduce((all, value) => all + value, 0);
  byId("inside-totals").replaceChildren(
    ...(sum ? [row(["sum", "", fixed(sum, 4), percent(1, 2), "", ""])] : []),
  );
}

