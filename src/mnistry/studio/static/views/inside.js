/* Inside: each layer's output for an image, in colours and in numbers. */

import * as api from "../api.js";
import { makeChoice } from "../choice.js";
import { byId, element, paint, row } from "../dom.js";
import { NEARLY_ALL, light, makeGrid, paintWeights } from "../nodes.js";
import { makePad } from "../pad.js";
import { ink, quantile, signed, wantsBlack } from "../pure/colours.js";
import { bits, count, fixed, percent, plural, tiny } from "../pure/format.js";
import { Newest } from "../pure/newest.js";
import { channel, grid, strongest, terms, total } from "../pure/node.js";
import { members, stages } from "../pure/stages.js";
import { session } from "../session.js";

const PEN = 22; // pad units
const BLANK = Array.from({ length: 28 }, () => Array(28).fill(0));
const STRONGEST = 6;
const MOST_MAPS = 64; // feature maps of one layer that are shown
const CLASSIC_NODES = 512;

let studio;
let explained = null; // the answer of /api/explain for `image`
let image = null;
let node = 0;
let unit = null; // {number, weights, bias} of the node last asked for
let own = false; // whether the user has chosen the node
let member = 0; // which network of an ensemble is shown

const explainer = new Newest(
  ({ image, label }) => api.tell("POST", "explain", { image, label, network: which() }),
  (answer, subject) => show(answer, subject),
  (error) => studio.report(error),
);
const weigher = new Newest(
  (number) => api.ask(`units/${number}?network=${which()}`),
  (answer, number) => {
    unit = { number, ...answer };
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
  byId("inside-which").addEventListener("change", () => {
    forget();
    shown();
  });
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
  if (network) byId("inside-which").options[0].text = network.name;
  byId("inside-network").textContent = which() === "classic"
    ? "784 pixels, 512 ReLU nodes, ten probabilities"
    : network ? `${plural(network.layers.length, "layer")}, from 28×28 pixels to ten probabilities` : "";
  const { subject } = session;
  showTools();
  if (subject) explainer.want(subject);
  else {
    explainer.forget();
    showEmpty();
  }
}

/** Called when the network in use becomes known or changes: show it if it is dense, else the classic one. */
export function networkChanged() {
  byId("inside-which").value = studio.status.network.dense ? "chosen" : "classic";
  forget();
}

/** The network that is shown: "chosen" or "classic". */
function which() {
  return byId("inside-which").value;
}

/** Forget the nodes of another network. */
function forget() {
  weigher.forget();
  explained = unit = null;
  node = member = 0;
  own = false;
}

/** Whether it is a dense network. */
function isDense() {
  return which() === "classic" || (studio.status?.network.dense ?? true);
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
  const dense = isDense();
  byId("view-inside").dataset.dense = String(dense);
  byId("inside-4").firstElementChild.textContent = dense ? "4" : "3";
  canvas.hidden = !dense;
  byId("inside-fired").hidden = !dense;
  byId("inside-node").hidden = !dense;
  byId("inside-strongest").hidden = !dense;
  const nodes = which() === "classic" ? CLASSIC_NODES : studio.status?.network.units ?? CLASSIC_NODES;
  const values = hidden?.values ?? Array(nodes).fill(0);
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
  const layers = explained && !explained.hidden ? explained.layers : [];
  const networks = members(layers);
  byId("inside-members").hidden = networks.length < 2;
  byId("inside-members").replaceChildren(...networks.map((_, i) => {
    const made = element("button", { type: "button", "aria-pressed": String(i === member) }, `network ${i + 1}`);
    made.addEventListener("click", () => {
      member = i;
      showMaps();
      byId("inside-members").children[i].focus();
    });
    return made;
  }));
  byId("inside-maps").replaceChildren(...stages(layers, networks[member]).map(pictures));
}

function pictures({ title, layer: { shape: sides, values } }) {
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
  const said = maps && sides[2] > MOST_MAPS ? `${title}; the first ${MOST_MAPS}` : title;
  return element(
    "figure",
    {},
    element("figcaption", {}, said),
    element("div", { className: maps ? "channels" : "nodes", role: "img", "aria-label": said }, ...canvases),
  );
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
    byId("inside-outgoing").hidden = true;
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
  showOutgoing(unit.outgoing, value);
}

/** Show a node's weights in the ten logits, and what they make of its output. */
function showOutgoing(outgoing, value) {
  byId("inside-outgoing").hidden = outgoing?.length !== 10;
  if (outgoing?.length !== 10) return;
  const parts = outgoing.map((weight) => weight * value);
  const limits = [outgoing, parts].map((numbers) => Math.max(...numbers.map(Math.abs)));
  byId("inside-out-table").replaceChildren(...outgoing.map((weight, digit) => {
    const line = row([String(digit), fixed(weight, 3), fixed(parts[digit], 3)]);
    [weight, parts[digit]].forEach((number, i) => {
      const colour = signed(number, limits[i]);
      line.children[i + 1].style.backgroundColor = `rgb(${colour})`;
      line.children[i + 1].style.color = wantsBlack(colour) ? "#000" : "#fff";
    });
    return line;
  }));
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

