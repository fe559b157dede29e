/* The fields of a form, as POST /api/forms/NAME answers them. */

import { byId, element, row } from "../dom.js";
import { plural } from "../pure/format.js";

/** Show a page's fields: what was read, and what a person should look at. */
export function show({ form, serial, fields, problems }) {
  byId("photo-form-title").textContent = serial === null ? form : `${form}, serial ${serial}`;
  const lines = Object.entries(fields).flatMap(([name, field]) =>
    Array.isArray(field)
      ? field.flatMap((cells, i) => Object.entries(cells).map(([column, cell]) => [`${name} ${i + 1}, ${column}`, cell]))
      : [[name, field]]);
  const doubts = lines.filter(([, { status }]) => status === "check").length;
  byId("form-said").textContent = [`${plural(lines.length, "field")}, ${doubts} to check`, ...problems].join(". ");
  byId("form-fields").replaceChildren(...lines.map(([name, { text, status, why }]) =>
    row([name, text, element("span", { className: status === "check" ? "unsure" : "" }, status), why ?? ""])));
  byId("photo-form").hidden = false;
  byId("photo-form").scrollIntoView();
}
