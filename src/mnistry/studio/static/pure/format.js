/* Numbers as text, the same everywhere in the studio. */

const SPACE = "\u00a0"; // a number and its unit stay on one line
const MINUS = "\u2212";

/** A number with a fixed count of decimals and a true minus sign. */
export function fixed(value, decimals) {
  const text = Math.abs(value).toFixed(decimals);
  return value < 0 && Number(text) !== 0 ? MINUS + text : text;
}

const RAISED = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };

/** A number from 0 to 1 with four decimals, or as a power of ten if they would all be 0. */
export function tiny(value) {
  if (!value || value >= 0.00005) return fixed(value, 4);
  const [factor, power] = value.toExponential(1).split("e");
  return `${factor}·10${[...power].map((sign) => RAISED[sign]).join("")}`;
}

/** A whole number with thousands separators: 60,000. */
export function count(value) {
  return value.toLocaleString("en");
}

/** A part of 1 as "98.0 %"; never rounded to 100 % or 0 % unless it is exactly that. */
export function percent(part, decimals = 1) {
  const least = 10 ** -decimals;
  const value = part * 100;
  if (part < 1 && Number(value.toFixed(decimals)) >= 100) {
    return `>${SPACE}${(100 - least).toFixed(decimals)}${SPACE}%`;
  }
  if (part > 0 && Number(value.toFixed(decimals)) === 0) {
    return `<${SPACE}${least.toFixed(decimals)}${SPACE}%`;
  }
  return `${value.toFixed(decimals)}${SPACE}%`;
}

/** A network's probability as a percentage; never 0 % or 100 %, which softmax only reaches by rounding. */
export function chance(probability) {
  return percent(Math.min(Math.max(probability, 1e-9), 1 - 1e-9));
}

/** A loss as "0.37 bits". */
export function bits(value) {
  if (value > 0 && value < 0.005) return `<${SPACE}0.01${SPACE}bits`;
  const text = value.toFixed(2);
  return `${text}${SPACE}${text === "1.00" ? "bit" : "bits"}`;
}

/** Seconds as "8 s", "1 min 20 s" or "2 h 5 min". */
export function duration(seconds) {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole}${SPACE}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}${SPACE}min ${whole % 60}${SPACE}s`;
  const minutes = Math.round(whole / 60);
  return `${Math.floor(minutes / 60)}${SPACE}h ${minutes % 60}${SPACE}min`;
}

/** One or many: "1 digit", "2 digits". */
export function plural(number, noun) {
  return `${count(number)} ${noun}${number === 1 ? "" : "s"}`;
}
