/* Numbers and sentences as `mnistry explain` writes them; see mnistry.explain.narrative. */

/** Fill in what stands in braces. */
export function filled(sentence, values) {
  return sentence.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

const FOUR = new Intl.NumberFormat("en", { minimumFractionDigits: 4, maximumFractionDigits: 4 });

/** A number with four decimals, or a small one with two digits and a power of ten. */
export function number(value) {
  if (value && Math.abs(value) < 0.00095) {
    const [digits, power] = value.toExponential(1).split("e");
    return `${digits}e${power[0]}${power.slice(1).padStart(2, "0")}`;
  }
  return FOUR.format(value);
}

/** A probability, or its difference from 1 if it would be rounded to 1. */
export function probability(value, rest) {
  return rest > 0 && rest < 0.00005 ? `1 - ${number(rest)}` : number(value);
}

/** A sum: what it begins with, plus what raises it, minus what lowers it. */
export function sum(bias, terms, total) {
  let [raised, lowered] = [0, 0];
  for (const term of terms) {
    if (term > 0) raised += term;
    else lowered -= term;
  }
  return `${number(bias)} + ${number(raised)} - ${number(lowered)} = ${number(total)}`;
}

/** Softmax step by step: logits less the largest, powers of e, and probabilities.
    `rests` are the differences of the probabilities from 1. */
export function softmaxSteps(logits) {
  const largest = Math.max(...logits);
  const shifted = Array.from(logits, (value) => value - largest);
  const powers = shifted.map(Math.exp);
  const best = shifted.indexOf(0);
  const others = powers.reduce((all, value, i) => (i === best ? all : all + value), 0);
  const total = others + 1;
  const rests = powers.map((power, i) => (i === best ? others / total : 1 - power / total));
  return {
    largest,
    shifted,
    powers,
    probabilities: powers.map((power) => power / total),
    rests,
    total: others < 0.00005 ? `1 + ${number(others)}` : number(total),
  };
}
