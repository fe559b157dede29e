/* Helpers to make elements and to paint; text is always set as text, never as HTML. */

import { fromCss } from "./pure/colours.js";
import { toCsv } from "./pure/csv.js";

/** The one element with an id. */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no element #${id}`);
  return found;
}

/** Make an element: properties as JavaScript names them; `data-`, `aria-`, `role`, `scope` and
    `for` are attributes. */
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (/^(data-|aria-|role$|scope$|for$)/.test(key)) made.setAttribute(key, value);
    else made[key] = value;
  }
  made.append(...children);
  return made;
}

/** Save rows as a CSV file, named after a picture or, without a name, `other`; return the name. */
export function saveTable(rows, picture, other, ending) {
  const address = URL.createObjectURL(new Blob([toCsv(rows)], { type: "text/csv" }));
  const file = (picture.replace(/\.[^.]*$/, "") || other) + ending;
  element("a", { href: address, download: file }).click();
  URL.revokeObjectURL(address);
  return file;
}

const SVG = "http://www.w3.org/2000/svg";

/** Make an SVG element with attributes. */
export function drawn(name, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** A row of a table, its first cell a heading. */
export function row([first, ...cells], properties = {}) {
  return element(
    "tr",
    properties,
    element("th", { scope: "row" }, first),
    ...cells.map((cell) => element("td", {}, cell)),
  );
}

/** Paint numbers as square pixels, each with the colour that `colour` gives it. */
export function paint(canvas, picture, colour) {
  const [rows, columns] = [picture.length, picture[0].length];
  canvas.width = columns;
  canvas.height = rows;
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(columns, rows);
  picture.flat().forEach((value, i) => pixels.data.set([...colour(value), 255], i * 4));
  context.putImageData(pixels, 0, 0);
}

/** The colour of a stylesheet variable, as [red, green, blue]. */
export function themed(name) {
  const probe = element("span", { hidden: true });
  probe.style.color = `var(${name})`;
  probe.style.forcedColorAdjust = "none"; // the colours of a canvas say something
  document.body.append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return fromCss(colour);
}
