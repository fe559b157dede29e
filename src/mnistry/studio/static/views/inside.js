/* Inside: each layer's output for an image, in colours and in numbers. */

import * as api from "../api.js";
import { makeChoice } from "../choice.js";
import { byId, element, paint, row } from "../dom.js";
import { NEARLY_ALL, light, makeGrid, paintWeights } from "../nodes.js";
import { makePad } from "../pad.js";
import { ink, quantile, signed } from "../pure/colours.js";
import { bits, count, fixed, percent, plural, shape, tiny } from "../pure/format.js";
import { Newest } from "../pure/newest.js";
import { channel, grid, strongest, terms, total } from "../pure/node.js";
import { session } from "../session.js";

const PEN = 22; // pad units
const BLANK = Array.from({ length: 28 }, () => Array(28).fill(0));
const STRONGEST = 6;
const MOST_MAPS = 64; // feature maps of one layer that are shown
const MOVERS = new Set(["Cast", "Flatten", "Reshape", "Transpose"]); // operators that only change the layout

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
  makePad(byId("inside-pad"), session, () => PEN);
  makeChoice(byId("inside-choice"));
  byId("inside-undo").addEventListener("click", () => session.undo());
  byId("inside-clear").addEventListener("click", () => session.clear());
  makeGrid(byId("inside-grid"), () => explained?.hidden?.values.length ?? 0, () => node, choose);
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
  light(canvas, values, hidden ? node : null);
  if (!hidden) {
    byId("inside-fired").textContent = "Each square is a node: the larger its output, the brighter the square. Draw a digit.";
    byId("inside-strongest").replaceChildren();
    return;
  }
  const fired = hidden.sums.filter((sum) => sum > 0).length;
  byId("inside-fired").textContent =
    `${count(fired)} of ${count(values.length)} have a sum above 0: they fire. The largest output is ${fixed(Math.max(...values), 2)}. Choose a node with a click or the arrow keys.`;
  byId("inside-strongest").replaceChildren(...strongest(values, STRONGEST).map(strongButton));
}

function strongButton(which) {
  const made = element("button", { type: "button", "aria-pressed": String(which === node) }, `node ${which}`);
  made.addEventListener("click", () => choose(which));
  return made;
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
  paintWeights(byId("inside-weights"), unit.weights, byId("inside-terms"), parts);
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

