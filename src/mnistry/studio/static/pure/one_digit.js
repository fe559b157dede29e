/* One digit, read by a network that runs in the page. */

import { normalise } from "./mnist_form.js";
import { load, run } from "./network.js";
import { bounds } from "./picture.js";

const CANDIDATES = 3;

/** Load a network from the JSON of mnistry.networks.javascript.
    @returns {network | null}  null if it does not answer an image as it did when it was written */
export function opened({ network, content, check }) {
  const loaded = load(network, Uint8Array.from(atob(content), (sign) => sign.charCodeAt(0)));
  try {
    const { data } = run(loaded, check.image).get("probabilities");
    return check.probabilities.every((expected, digit) => Math.abs(data[digit] - expected) < 0.001) ? loaded : null;
  } catch {
    return null; // an operator was given what it does not know
  }
}

/** Read the ink of one digit.
    @param {number} threshold  a digit that is less probable is uncertain: null
    @param {{width, height, data}} strength  0 for paper to 1
    @returns {{image, values, digit} | null}  784 pixels; every operator's output; and the digit, as
      POST /api/read answers it with all fields; null without ink */
export function read(network, threshold, strength) {
  const box = bounds(strength, 0);
  if (!box) return null;
  const image = normalise(strength);
  const values = run(network, image);
  const probabilities = [...values.get("probabilities").data];
  const ranked = [...probabilities.keys()].sort((a, b) => probabilities[b] - probabilities[a] || a - b);
  const candidates = ranked.slice(0, CANDIDATES).map((digit) => ({ digit, confidence: probabilities[digit] }));
  const [best] = candidates;
  const digit = {
    digit: best.confidence >= threshold ? best.digit : null,
    confidence: best.confidence,
    candidates,
    box: [box.x, box.y, box.width, box.height],
    line: 0,
    image: rows(image),
    probabilities,
    bits: probabilities.map((probability) => -Math.log2(Math.max(probability, 2 ** -126))),
  };
  return { image, values, digit };
}

/** 784 numbers as 28 rows. */
export function rows(flat) {
  return Array.from({ length: 28 }, (_, r) => [...flat.slice(28 * r, 28 * (r + 1))]);
}
