/* A scorecard as a table, from the JSON of a run's scores. */

import { element, row } from "./dom.js";
import { count, fixed, percent } from "./pure/format.js";

const PAIRS = 5; // pairs of label and answer that are shown

/** The elements of a scorecard. */
export function scorecard(scores) {
  const card = scores.test ?? scores.train;
  const split = scores.test ? "test" : "training";
  const [low, high] = card.interval;
  const figures = [
    [`${split} accuracy`, percent(card.accuracy, 2), `${count(card.correct)} of ${count(card.count)}; 95 % interval ${percent(low, 2)} to ${percent(high, 2)}`],
    [`${split} loss`, `${fixed(card.loss_bits, 3)} bits`, `${fixed(card.loss, 4)} nats; guessing costs 3.32 bits`],
  ];
  if (scores.gap !== null) {
    figures.push(["generalisation gap", `${fixed(scores.gap * 100, 2)} points`, "training accuracy minus test accuracy: overfitting"]);
  }
  figures.push(["calibration error", `${fixed(card.calibration_error * 100, 2)} points`, "mean difference between confidence and accuracy"]);
  return [
    element("dl", { className: "figures wide" }, ...figures.map(figure)),
    element("div", { className: "tables" }, byClass(card), confused(card)),
  ];
}

function figure([name, value, words]) {
  return element("div", {}, element("dt", {}, name), element("dd", {}, value), element("dd", { className: "quiet" }, words));
}

function byClass({ by_class: classes }) {
  return table("Each class", ["class", "images", "precision", "recall", "bits"], classes.map((one) => [
    one.name, count(one.images), share(one.precision), share(one.recall),
    one.loss_bits === null ? "–" : fixed(one.loss_bits, 3),
  ]));
}

function confused({ most_confused: pairs, classes }) {
  return table("Most confused", ["label", "read as", "times"], pairs.slice(0, PAIRS).map((pair) => [
    classes[pair.label], classes[pair.answer], count(pair.count),
  ]));
}

function table(caption, heads, rows) {
  return element(
    "table",
    {},
    element("caption", {}, caption),
    element("thead", {}, element("tr", {}, ...heads.map((head) => element("th", { scope: "col" }, head)))),
    element("tbody", {}, ...rows.map((cells) => row(cells))),
  );
}

function share(part) {
  return part === null ? "–" : percent(part);
}
