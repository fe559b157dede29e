/* One network in one file: draw a digit, and follow it through the network. No server is needed. */

import { byId, element, paint, row } from "../dom.js";
import { Drawing } from "../drawing.js";
import { light, makeGrid, paintWeights } from "../nodes.js";
import { makePad } from "../pad.js";
import { ink as inkColour } from "../pure/colours.js";
import { chance, count } from "../pure/format.js";
import { denseLayers } from "../pure/network.js";
import { strongest, terms } from "../pure/node.js";
import { opened, read, rows } from "../pure/one_digit.js";
import { filled, number, probability, softmaxSteps, sum } from "../pure/sentences.js";
import { inPadUnits } from "../pure/strokes.js";
import { ink } from "../raster.js";

const STRONGEST = 6;
const DIGITS = Array.from({ length: 10 }, (_, digit) => digit);

const { threshold, sentences, ...stored } = JSON.parse(byId("network").textContent);
// Null if this browser computes the network's answer wrongly: rather no answer than a wrong one.
const network = opened(stored);
byId("wrong").hidden = Boolean(network);
const layers = (network && denseLayers(network)) ?? [];
const last = network?.operators.at(-1);
const drawing = new Drawing();

let image = new Uint8Array(784);
let values = null; // of every operator, for the image; null if nothing is drawn
let node = 0;
let own = false; // whether the user has chosen the node
let detailed = null; // the requested animation frame that will show the way to the answer; null if none is

makePad(byId("pad"), drawing, () => Number(byId("pen").value));
const bars = DIGITS.map(makeBar);
byId("undo").addEventListener("click", () => drawing.undo());
byId("clear").addEventListener("click", () => drawing.clear());
if (layers.length) {
  byId("inside").hidden = false;
  const { kernel } = layers[0];
  byId("part-nodes").textContent = layers.length > 1 ? `Hidden layer 1: ${count(kernel.shape[0])} nodes` : "Ten nodes, one for each digit";
  makeGrid(byId("grid"), () => (values ? kernel.shape[0] : 0), () => node, choose);
}

let waits = false;
drawing.addEventListener("drawn", () => {
  if (waits) return; // a quick pen's movements come several at a time
  waits = true;
  queueMicrotask(() => {
    waits = false;
    answer();
  });
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
show();

/** Read the drawing, and show the way to the answer. */
function answer() {
  if (!network) return;
  const start = performance.now();
  const found = read(network, threshold, ink(drawing.strokes));
  image = found?.image ?? new Uint8Array(784);
  values = found?.values ?? null;
  drawing.reading = found && inPadUnits({ digits: [found.digit] });
  if (values && layers.length && !own) [node] = strongest(values.get(layers[0].outputs).data, 1);
  drawing.tell("read");
  show();
  performance.clearMeasures("answer");
  performance.measure("answer", { start }); // for benchmarks/page.py
}

/** The digit with the largest probability. */
function best() {
  const { data } = values.get("probabilities");
  return data.indexOf(Math.max(...data));
}

/** The digit with the largest probability; null if it is less probable than the threshold. */
function answered() {
  const digit = best();
  return values.get("probabilities").data[digit] >= threshold ? digit : null;
}

function choose(which) {
  node = which;
  own = true;
  show();
}

function makeBar(digit) {
  const bar = element("span", { className: "bar" });
  const share = element("span", { className: "share" }, "–");
  const track = element("span", { className: "track", "aria-hidden": "true" }, bar);
  const line = element("li", {}, element("span", { className: "name" }, String(digit)), track, share);
  byId("bars").append(line);
  return { bar, share, line };
}

function show() {
  byId("undo").disabled = !drawing.past.length;
  byId("clear").disabled = !drawing.strokes.length;
  byId("hint").hidden = drawing.strokes.length > 0;
  showPrediction();
  // The way to the answer is shown once a frame: the answer itself does not wait for it.
  detailed ??= requestAnimationFrame(() => {
    detailed = null;
    if (layers.length) showNodes();
    showSoftmax();
  });
}

function showPrediction() {
  const digit = values && answered();
  const text = digit === null ? "?" : String(digit);
  byId("answer").value = values ? text : "–";
  byId("sure").textContent = values ? sureness() : "Nothing is drawn yet.";
  paint(byId("input"), rows(image), inkColour);
  byId("input").setAttribute("aria-label", `The network’s input${values ? `, read as ${text}` : ": empty"}`);
  bars.forEach(({ bar, share, line }, k) => {
    const part = values?.get("probabilities").data[k];
    bar.style.width = `${(part ?? 0) * 100}%`;
    share.textContent = values ? chance(part) : "–";
    line.classList.toggle("best", Boolean(values) && k === best());
  });
}

function sureness() {
  const digit = best();
  const share = chance(values.get("probabilities").data[digit]);
  if (answered() !== null) return `Confidence ${share}`;
  return `? means uncertain: less than ${chance(threshold)} for every digit. The best guess: ${digit} at ${share}.`;
}

/** Show the first layer's nodes, and one of them in numbers. */
function showNodes() {
  const [layer] = layers;
  const [nodes, inputs] = layer.kernel.shape;
  const answers = layers.length === 1; // the only layer's nodes are the ten answers
  const outputs = values ? [...values.get(layer.outputs).data] : Array(nodes).fill(0);
  light(byId("grid"), outputs, values ? node : null);
  say("layer", values ? described(layer, nodes, inputs) : "");
  byId("strongest").replaceChildren(...(values ? strongest(outputs, STRONGEST).map((which) => nodeButton(which, answers)) : []));
  byId("node").hidden = !values;
  if (!values) return;
  const name = answers ? `the answer ${node}` : `node ${node}`;
  // The stored weights are for pixels up to 255; these are for pixels up to 1.
  const weights = rows(layer.kernel.data.slice(node * inputs, (node + 1) * inputs).map((weight) => weight * 255));
  const parts = terms(weights, rows(image));
  byId("node-title").textContent = answers ? `The answer ${node}` : `Node ${node}`;
  paintWeights(byId("weights"), weights, byId("terms"), parts);
  byId("weights").setAttribute("aria-label", `The weights of ${name}`);
  byId("terms").setAttribute("aria-label", `Weight times pixel of ${name} for this image`);
  byId("sum-words").textContent = filled(sentences.sum, { name });
  say("sum", sum(layer.bias.data[node], parts.flat(), values.get(layer.sums).data[node]));
}

function described(layer, nodes, inputs) {
  const sums = values.get(layer.sums).data;
  const units = count(nodes);
  const whole = filled(sentences.nodes, {
    units,
    layer: layer.name,
    inputs: count(inputs),
    numbers: count(nodes * inputs + nodes),
    work: sentences.work,
    least: number(Math.min(...sums)),
    largest: number(Math.max(...sums)),
  });
  if (layers.length === 1) return whole;
  const fired = count(sums.reduce((all, value) => all + (value > 0), 0));
  const above = filled(layer.activation === "relu" ? sentences.fire : sentences.above, { fired, units });
  return `${whole} ${sentences[layer.activation]} ${above}`;
}

/** Set a text whose numbers like 1.5e-06 are not broken at the end of a line. */
function say(id, text) {
  const parts = text.split(/((?:1 - )?[\d.]+e-\d\d)/);
  byId(id).replaceChildren(...parts.map((part, i) => (i % 2 ? element("span", { className: "whole" }, part) : part)));
}

function nodeButton(which, answers) {
  const made = element(
    "button",
    { type: "button", "aria-pressed": String(which === node) },
    answers ? String(which) : `node ${which}`,
  );
  made.addEventListener("click", () => choose(which));
  return made;
}

/** Show the ten sums and how they become probabilities, in the words of `mnistry explain`. */
function showSoftmax() {
  byId("steps").hidden = !values;
  byId("nothing").hidden = Boolean(values);
  if (!values) return;
  const logits = values.get(last.inputs[0]).data;
  const { largest, shifted, powers, probabilities, rests, total } = softmaxSteps(logits);
  const digit = probabilities.indexOf(Math.max(...probabilities));
  byId("logits").textContent = logitsWords();
  byId("largest").hidden = byId("largest-sum").hidden = layers.length < 2;
  if (layers.length > 1) showLargest(digit, logits);
  say("softmax", filled(sentences.softmax, { largest: number(largest), total }));
  byId("table").replaceChildren(
    ...DIGITS.map((k) => {
      const cells = [logits[k], shifted[k], powers[k]].map(number);
      const line = row([String(k), ...cells, probability(probabilities[k], rests[k])], {
        className: k === digit ? "marked" : "",
      });
      const bar = element("span");
      bar.style.width = `${probabilities[k] * 100}%`;
      line.append(element("td", { className: "bar" }, bar));
      return line;
    }),
  );
  const share = probability(probabilities[digit], rests[digit]);
  say("argmax", filled(sentences.answer, { name: digit, probability: share }));
}

function logitsWords() {
  if (!layers.length) return sentences.logits;
  const [, inputs] = layers.at(-1).kernel.shape;
  return filled(sentences["dense logits"], { inputs: count(inputs), numbers: count(10 * inputs + 10) });
}

function showLargest(digit, logits) {
  const { kernel, bias } = layers.at(-1);
  const [, inputs] = kernel.shape;
  const before = values.get(layers.at(-2).outputs).data;
  const parts = before.map((value, i) => value * kernel.data[digit * inputs + i]);
  byId("largest").textContent = filled(sentences.largest, { name: digit });
  say("largest-sum", sum(bias.data[digit], parts, logits[digit]));
}
