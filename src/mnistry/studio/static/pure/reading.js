/* What was read in a picture, and corrections by hand.
   A reading is the answer of POST /api/read; a corrected digit has `by_hand: true`. */

import { safe } from "./table.js";

// What stands for a digit in a line's text.
const DIGIT = /[0-9?]/g;

/** A digit as text: as read or corrected, or "?". */
export function digitText(digit) {
  return digit.digit === null ? "?" : String(digit.digit);
}

/** The reading with one digit corrected by hand. */
export function corrected(reading, index, digit) {
  return replaced(reading, index, { ...reading.digits[index], digit, by_hand: true });
}

/** The reading without a mark that is not a digit. */
export function removed(reading, index) {
  return replaced(reading, index);
}

function replaced(reading, index, ...instead) {
  const { line } = reading.digits[index];
  const place = reading.digits.slice(0, index).filter((digit) => digit.line === line).length;
  const digits = [...reading.digits.slice(0, index), ...instead, ...reading.digits.slice(index + 1)];
  const texts = reading.lines.with(line, withDigit(reading.lines[line], place, instead.map(digitText).join("")));
  return { ...reading, digits, lines: texts };
}

/** A line's text with another digit, or none, in the place of its digit number `place`, from 0. */
function withDigit(text, place, instead) {
  let number = -1;
  const changed = text.replace(DIGIT, (digit) => ((number += 1) === place ? instead : digit));
  return changed.replace(/ +/g, " ").trim();
}

/** The written lines in order: number from 1, text, digits, and marks from left to right.
    A mark is a digit with its index, or a sign or space as text. */
export function lines(reading) {
  const digits = reading.digits.map((digit, index) => ({ ...digit, index }));
  return reading.lines
    .map((text, line) => {
      const own = digits.filter((digit) => digit.line === line);
      const next = own.values();
      const marks = [...text].map((character) => (character.match(DIGIT) ? next.next().value : character));
      return { line: line + 1, text, digits: own, marks };
    })
    .filter(({ text }) => text);
}

/** The lowest confidence of the digits that were not corrected; null without any. */
export function least(digits) {
  const own = digits.filter((digit) => !digit.by_hand).map((digit) => digit.confidence);
  return own.length ? Math.min(...own) : null;
}

/** How many digits are uncertain. */
export function uncertain(reading) {
  return reading.digits.filter((digit) => digit.digit === null).length;
}

/** A table with a row for each written line. */
export function table(name, reading) {
  const rows = lines(reading).map(({ line, text, digits }) => [
    safe(name),
    line,
    text,
    least(digits)?.toFixed(4) ?? null,
    digits.filter((digit) => digit.by_hand).length,
  ]);
  return [["file", "line", "text", "confidence", "corrected"], ...rows];
}

/** A dataset to teach a network with: a row for each digit that has an answer, its label and its
    pixels. */
export function examples(reading) {
  const names = Array.from({ length: 784 }, (_, number) => `pixel${number}`);
  const known = reading.digits.filter((digit) => digit.digit !== null);
  return [["label", ...names], ...known.map((digit) => [digit.digit, ...digit.image.flat()])];
}
