/* Numbers as colours. A colour is [red, green, blue], each 0 to 255.
   The ends of the signed scale are those of the map RdBu of C. Brewer, colorbrewer2.org. */

const RED = [178, 24, 43];
const BLUE = [33, 102, 172];
const WHITE = [255, 255, 255];

/** Mix two colours: 0 is the first, 1 the second. */
export function mix(from, to, part) {
  const way = Math.min(Math.max(part, 0), 1);
  return from.map((value, i) => Math.round(value + (to[i] - value) * way));
}

/** White at 0, red above it, blue below; full colour from `limit` on. */
export function signed(value, limit) {
  if (!limit) return WHITE;
  return mix(WHITE, value > 0 ? RED : BLUE, Math.abs(value) / limit);
}

/** A pixel as ink on paper: 0 white, 255 black. */
export function ink(value) {
  return [255 - value, 255 - value, 255 - value];
}

/** Relative luminance, 0 to 1: www.w3.org/TR/WCAG22/#dfn-relative-luminance. */
export function luminance(colour) {
  const [red, green, blue] = colour.map((value) => {
    const part = value / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** Contrast of two colours, 1 to 21: www.w3.org/TR/WCAG22/#dfn-contrast-ratio. */
export function contrast(a, b) {
  const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (light + 0.05) / (dark + 0.05);
}

/** Whether black text has more contrast on a colour than white text. */
export function wantsBlack(colour) {
  return contrast(colour, [0, 0, 0]) >= contrast(colour, WHITE);
}

/** The quantile of numbers at `part`, 0 to 1, without interpolation. */
export function quantile(values, part) {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))];
}

/** Read a browser's computed colour, as "rgb(0, 114, 178)". */
export function fromCss(text) {
  return text.match(/[\d.]+/g).slice(0, 3).map(Number);
}
