/* Draw: a pad, and the network's prediction during drawing. */

import { byId, element, paint } from "../dom.js";
import { makeChoice } from "../choice.js";
import { makePad } from "../pad.js";
import { ink } from "../pure/colours.js";
import { bits, chance, plural } from "../pure/format.js";
import { digitText, uncertain } from "../pure/reading.js";
import { session } from "../session.js";

const BLANK = Array.from({ length: 28 }, () => Array(28).fill(0));
const NOTHING_KNOWN = Math.log2(10); // bits that guessing costs: a probability of 0.1 for each digit

const bars = [];

export function make() {
  makePad(byId("draw-pad"), session, () => Number(byId("draw-pen").value));
  makeChoice(byId("draw-choice"));
  makeBars();
  byId("draw-undo").addEventListener("click", () => session.undo());
  byId("draw-clear").addEventListener("click", () => session.clear());
  session.addEventListener("drawn", showTools);
  session.addEventListener("read", showAnswer);
  showAnswer();
}

function showTools() {
  byId("draw-undo").disabled = !session.past.length;
  byId("draw-clear").disabled = !session.strokes.length;
  byId("draw-hint").hidden = session.strokes.length > 0;
}

/** Ten bars that are radio buttons, to choose the true digit. */
function makeBars() {
  for (let digit = 0; digit < 10; digit += 1) {
    const radio = element("input", { type: "radio", name: "truth", value: String(digit) });
    const bar = element("span", { className: "bar" });
    const share = element("span", { className: "share" }, "–");
    radio.addEventListener("change", () => session.label(digit));
    const name = element("span", { className: "name" }, String(digit));
    const track = element("span", { className: "track", "aria-hidden": "true" }, bar);
    const label = element("label", {}, radio, name, track, share);
    byId("draw-bars").append(label);
    bars.push({ radio, bar, share, label });
  }
}

function showAnswer() {
  const { reading, digit } = session;
  const found = reading?.digits.length ?? 0;
  byId("draw-answer").value = found ? reading.lines.filter(Boolean).join("\n") : "–";
  byId("draw-answer").dataset.length = String(Math.min(found, 6));
  byId("draw-sure").textContent = sureness(reading);
  paint(byId("draw-input"), digit?.image ?? BLANK, ink);
  byId("draw-input").setAttribute(
    "aria-label",
    digit ? `The network’s input, read as ${digitText(digit)}` : "The network’s input: empty",
  );
  bars.forEach(({ radio, bar, share, label }, k) => {
    const probability = digit?.probabilities[k] ?? 0;
    bar.style.width = `${probability * 100}%`;
    share.textContent = digit ? chance(probability) : "–";
    label.classList.toggle("best", digit?.candidates[0].digit === k);
    radio.disabled = !digit;
    radio.checked = session.truth === k;
  });
  byId("draw-cost").textContent = cost(digit);
}

function sureness(reading) {
  if (!reading) return "Nothing is drawn yet.";
  const { digits } = reading;
  if (!digits.length) return "No digit found.";
  const doubts = uncertain(reading);
  if (doubts) {
    const best = digits.filter((digit) => digit.digit === null).map((digit) => digit.candidates[0]);
    const guesses = best.map((one) => `${one.digit} at ${chance(one.confidence)}`).join(", ");
    return `? means uncertain; the best ${best.length > 1 ? "guesses" : "guess"}: ${guesses}.`;
  }
  if (digits.length === 1) return `Confidence ${chance(digits[0].confidence)}`;
  const least = Math.min(...digits.map((digit) => digit.confidence));
  return `${plural(digits.length, "digit")}, lowest confidence ${chance(least)}`;
}

function cost(digit) {
  if (!digit || session.truth === null) return "Choose the true digit to see the loss in bits.";
  const probability = digit.probabilities[session.truth];
  return (
    `The network gave the true digit, ${session.truth}, a probability of ${chance(probability)}. ` +
    `Its −log₂ is the loss: ${bits(digit.bits[session.truth])}. ` +
    `Guessing, with a tenth for each digit, costs ${bits(NOTHING_KNOWN)}.`
  );
}
