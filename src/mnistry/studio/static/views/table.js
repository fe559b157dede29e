/* The tables of a photo: each cell's picture beside its value, which can be corrected by hand. */

import { ApiError } from "../api.js";
import { byId, element, saveTable } from "../dom.js";
import { plural } from "../pure/format.js";
import { lines, summary, withCell } from "../pure/table.js";

// The longer side of a cell's picture, in pixels.
const SIDE = 240;

let studio;
let tables = [];
let name = "";

export function make(given) {
  studio = given;
  byId("table-copy").addEventListener("click", copy);
  byId("table-download").addEventListener("click", download);
}

/** Show the answer of POST /api/tables over a canvas that holds the picture. */
export function show({ tables: found, width }, picture, called) {
  [tables, name] = [found, called];
  const scale = picture.width / width;
  byId("table-grids").replaceChildren(...tables.map((table, number) => grid(table, number, picture, scale)));
  byId("table-copy").disabled = byId("table-download").disabled = !tables.length;
  byId("table-note").textContent = "";
  byId("photo-tables").hidden = false;
  tell();
  byId("photo-tables").scrollIntoView();
}

function tell() {
  const { cells, unclear } = summary(tables);
  byId("table-said").textContent = tables.length
    ? `${plural(tables.length, "table")} with ${plural(cells, "cell")}; ${plural(unclear, "cell")} unclear, marked ?`
    : "No table found: it needs ruled lines in both directions.";
}

function grid(table, number, picture, scale) {
  return element("table", { className: "grid" }, element("tbody", {}, ...table.rows.map((row, y) =>
    element("tr", {}, ...row.map((cell, x) => field(cell, [number, y, x], picture, scale))),
  )));
}

function field(cell, [number, y, x], picture, scale) {
  const [left, top, width, height] = cell.box.map((value) => value * scale);
  const factor = Math.min(1, SIDE / Math.max(width, height));
  const seen = element("canvas", { width: Math.max(1, width * factor), height: Math.max(1, height * factor) });
  seen.setAttribute("aria-hidden", "true");
  seen.getContext("2d").drawImage(picture, left, top, width, height, 0, 0, seen.width, seen.height);
  const input = element("input", {
    type: "text",
    value: cell.text,
    autocomplete: "off",
    "aria-label": `Row ${y + 1}, column ${x + 1}`,
  });
  const place = element("td", { className: cell.text.includes("?") ? "unsure" : "sure" }, seen, input);
  input.addEventListener("change", () => {
    tables = withCell(tables, number, y, x, input.value);
    place.className = "hand";
    tell();
  });
  return place;
}

async function copy() {
  try {
    await navigator.clipboard.writeText(lines(tables).map((row) => row.join("\t")).join("\n"));
    byId("table-note").textContent = "Copied. Paste it into a spreadsheet.";
  } catch (error) {
    studio.report(new ApiError({ what: `nothing was copied: ${error.message}`, remedy: "download it instead" }));
  }
}

function download() {
  byId("table-note").textContent = `Saved as ${saveTable(lines(tables), name, "table", ".csv")}.`;
}
