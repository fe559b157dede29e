/* The numbers of a reading, which is the answer of POST /api/read, and corrections by hand.
   A number is {text, read, by_hand, confidence, line, box, quad, digits}: its text as it is now and
   as it was read, and its digits in order. */

import { safe } from "./table.js";

// What stands for a digit in a number's text.
const DIGIT = /[0-9?]/g;

/** The numbers of a reading, in its order. */
export function numbersOf({ numbers, digits }) {
  const left = [...digits];
  return numbers.map((number) => {
    const count = number.text.match(DIGIT)?.length ?? 0;
    const first = left.findIndex((digit) => digit.line === number.line);
    return { ...number, read: number.text, by_hand: false, digits: first < 0 ? [] : left.splice(first, count) };
  });
}

/** The numbers, with the text of one replaced; an empty text means that it is not a number. */
export function corrected(numbers, index, text) {
  return numbers.with(index, { ...numbers[index], text: text.trim(), by_hand: true });
}

/** The numbers and a new one that was not read: its text is still empty, and it has no box. */
export function added(numbers) {
  const line = numbers.at(-1)?.line ?? 0;
  return [...numbers, { text: "", read: "", by_hand: true, confidence: null, line, box: null, digits: [] }];
}

/** "hand", "unsure" or "sure". */
export function state({ text, by_hand: byHand }) {
  if (byHand) return "hand";
  return text.includes("?") ? "unsure" : "sure";
}

/** Each digit whose label is known, as {label, image}. A number corrected to another count of
    digits gives none; neither does a digit that is still "?". */
export function examples(numbers) {
  return numbers.flatMap(({ text, digits }) => {
    const labels = text.match(DIGIT) ?? [];
    if (labels.length !== digits.length) return [];
    return digits.flatMap(({ image }, i) => (labels[i] === "?" ? [] : [{ label: Number(labels[i]), image }]));
  });
}

/** How many digits a person has corrected to another digit. */
export function corrections(numbers) {
  return numbers.reduce((sum, { text, read, digits }) => {
    const [labels, before] = [text, read].map((one) => one.match(DIGIT) ?? []);
    if (labels.length !== digits.length) return sum;
    return sum + labels.filter((label, i) => label !== "?" && label !== before[i]).length;
  }, 0);
}

/** Examples as a dataset: a row for each, its label and its pixels. */
export function asRows(found) {
  const names = Array.from({ length: 784 }, (_, number) => `pixel${number}`);
  return [["label", ...names], ...found.map(({ label, image }) => [label, ...image.flat()])];
}

/** A table with a row for each number of all pictures {name, numbers}. */
export function table(pictures) {
  const rows = pictures.flatMap(({ name, numbers }) => numbers.filter(({ text }) => text).map((number) => [
    safe(name), number.line + 1, safe(number.text), number.by_hand ? null : number.confidence.toFixed(4), number.by_hand ? 1 : 0,
  ]));
  return [["file", "line", "number", "confidence", "corrected"], ...rows];
}

/** Where labels can stand that cover neither a number nor each other; null where there is no room.
    @param {[x, y, width, height][]} boxes  of the numbers
    @param {[width, height][]} labels  the labels' sizes, in the same units
    @param {[width, height]} picture
    @returns {([x, y] | null)[]}  their upper left corners */
export function labelPlaces(boxes, labels, [wide, high], gap = 4) {
  const taken = [...boxes];
  return boxes.map(([x, y, width, height], i) => {
    const [w, h] = labels[i];
    const middle = y + (height - h) / 2;
    const around = [
      [x + width + gap, middle], [x - w - gap, middle], [x, y + height + gap], [x, y - h - gap],
    ];
    const free = around.find(([left, top]) =>
      left >= 0 && top >= 0 && left + w <= wide && top + h <= high &&
      !taken.some(([a, b, c, d]) => left < a + c && a < left + w && top < b + d && b < top + h));
    if (!free) return null;
    taken.push([...free, w, h]);
    return free;
  });
}
