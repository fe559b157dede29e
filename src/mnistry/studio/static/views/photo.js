/* Photo: numbers read in a picture and shown over it; uncertain digits can be corrected. */

import * as api from "../api.js";
import { makeCamera } from "../camera.js";
import { byId, element, paint, saveTable } from "../dom.js";
import { ink } from "../pure/colours.js";
import { toCsv } from "../pure/csv.js";
import { chance, plural } from "../pure/format.js";
import * as tables from "./table.js";
import { corrected, digitText, examples, lines, removed, table, uncertain } from "../pure/reading.js";

let studio;
let picture = null; // the file as given
let name = "";
let reading = null;
let fixing = null; // the index of the digit to correct
let round = 0; // counts pictures, so that an old one's answer is not shown over a new one

export function make(given) {
  studio = given;
  byId("photo-choose").addEventListener("click", () => byId("photo-file").click());
  for (const id of ["photo-file", "photo-snap"]) {
    byId(id).addEventListener("change", (event) => {
      const [file] = event.target.files;
      if (file) take(file, file.name);
      event.target.value = ""; // so that the same file can be chosen again
    });
  }
  makeCamera((photo) => take(photo, "camera.png"), noCamera);
  makeDrop(byId("view-photo"));
  document.addEventListener("paste", (event) => {
    const file = [...event.clipboardData.files].find((one) => one.type.startsWith("image/"));
    if (file && !byId("view-photo").hidden) take(file, "pasted.png");
  });
  for (let digit = 0; digit < 10; digit += 1) {
    const key = element("button", { type: "button" }, String(digit));
    key.addEventListener("click", () => change(corrected(reading, fixing, digit)));
    byId("photo-digits").append(key);
  }
  byId("photo-remove").addEventListener("click", () => {
    const without = removed(reading, fixing);
    fixing = null;
    change(without);
  });
  byId("photo-copy").addEventListener("click", copy);
  byId("photo-download").addEventListener("click", () => download(table(name, reading), ".csv"));
  byId("photo-examples").addEventListener("click", () => download(examples(reading), "-digits.csv"));
  byId("photo-doctor").addEventListener("click", examine);
  byId("photo-table").addEventListener("click", readTable);
  tables.make(given);
}

function noCamera(error) {
  studio.report(new api.ApiError({ what: `no camera: ${error.message}`, remedy: "choose a picture instead" }));
}

function makeDrop(view) {
  view.addEventListener("dragover", (event) => {
    event.preventDefault();
    byId("photo-stage").classList.add("over");
  });
  view.addEventListener("dragleave", () => byId("photo-stage").classList.remove("over"));
  view.addEventListener("drop", (event) => {
    event.preventDefault();
    byId("photo-stage").classList.remove("over");
    const [file] = event.dataTransfer.files;
    if (file) take(file, file.name);
  });
}

async function take(file, called) {
  round += 1;
  const mine = round;
  byId("photo-said").textContent = "Reading …";
  try {
    const [answer, bitmap] = await Promise.all([api.show("read?fields=all", file), decoded(file)]);
    if (mine !== round) return;
    [picture, name, fixing] = [file, called, null];
    showPicture(bitmap, answer);
    byId("photo-stages").hidden = byId("photo-tables").hidden = true;
    byId("photo-note").textContent = "";
    change(answer);
  } catch (error) {
    if (mine !== round) return;
    byId("photo-said").textContent = reading ? summary() : "No picture yet.";
    studio.report(error);
  }
}

/** Decode a picture as the browser does, upright; null for a format that it does not know. */
async function decoded(file) {
  try {
    return await createImageBitmap(file);
  } catch {
    return null; // the server may know the format; if not, it says what is wrong
  }
}

function showPicture(bitmap, { picture: [width, height] }) {
  const canvas = byId("photo-canvas");
  canvas.width = width;
  canvas.height = height;
  if (bitmap) canvas.getContext("2d").drawImage(bitmap, 0, 0, width, height);
  byId("photo-stage").dataset.empty = "false";
  byId("photo-hint").hidden = true;
}

function change(next) {
  reading = next;
  byId("photo-canvas").setAttribute("aria-label", `The picture ${name}: ${summary()}`);
  byId("photo-said").textContent = summary();
  showBoxes();
  showLines();
  showFix();
  for (const id of ["photo-copy", "photo-download", "photo-examples"]) {
    byId(id).disabled = !reading.digits.length;
  }
  byId("photo-doctor").disabled = byId("photo-table").disabled = false;
}

function summary() {
  const found = reading.digits.length;
  if (!found) return "No digit found. Choose “Show how it was read” to see why.";
  const doubts = uncertain(reading);
  const rest = doubts ? `; ${plural(doubts, "digit")} uncertain, marked ?` : "";
  return `${plural(found, "digit")} in ${plural(lines(reading).length, "line")}${rest}`;
}

function state(digit) {
  if (digit.by_hand) return "hand";
  return digit.digit === null ? "unsure" : "sure";
}

/** The digit's box in the picture: the page on it may be turned, or seen aslant. */
function place(digit) {
  if (!digit.quad) return digit.box;
  const [x, y] = [0, 1].map((axis) => digit.quad.map((point) => point[axis]));
  const [left, top] = [Math.min(...x), Math.min(...y)];
  return [left, top, Math.max(...x) - left, Math.max(...y) - top];
}

function showBoxes() {
  const [width, height] = reading.picture;
  byId("photo-boxes").replaceChildren(
    ...reading.digits.map((digit, index) => {
      const box = element("button", {
        type: "button",
        className: `box ${state(digit)}`,
        "aria-label": `Digit ${index + 1}: ${digitText(digit)}, ${chance(digit.confidence)}; correct it`,
        "aria-pressed": String(index === fixing),
      }, element("span", {}, digitText(digit)));
      const [x, y, wide, high] = place(digit);
      // A sixth of the height more on each side, as room for a finger.
      const gap = high / 6;
      box.style.left = `${((x - gap) / width) * 100}%`;
      box.style.top = `${((y - gap) / height) * 100}%`;
      box.style.width = `${((wide + 2 * gap) / width) * 100}%`;
      box.style.height = `${((high + 2 * gap) / height) * 100}%`;
      box.addEventListener("click", () => {
        fixing = index;
        change(reading);
        byId("photo-digits").firstElementChild.focus({ preventScroll: true });
      });
      return box;
    }),
  );
}

function showLines() {
  byId("photo-lines").replaceChildren(
    ...lines(reading).map(({ marks }) =>
      element("li", {}, ...marks.map((mark) =>
        typeof mark === "string" ? mark : element("span", { className: state(mark) }, digitText(mark)),
      )),
    ),
  );
}

function showFix() {
  const digit = fixing === null ? null : reading.digits[fixing];
  byId("photo-fix").hidden = !digit;
  if (!digit) return;
  byId("photo-fix-title").textContent = `Digit ${fixing + 1} of ${reading.digits.length}`;
  paint(byId("photo-input"), digit.image, ink);
  const guesses = digit.candidates.map((one) => `${one.digit} at ${chance(one.confidence)}`);
  byId("photo-candidates").textContent = `The network’s best guesses: ${guesses.join(", ")}. Choose the true digit:`;
  [...byId("photo-digits").children].forEach((key, k) => {
    key.setAttribute("aria-pressed", String(digit.digit === k));
  });
}

async function copy() {
  try {
    await navigator.clipboard.writeText(toCsv(table(name, reading)));
    byId("photo-note").textContent = "Copied.";
  } catch (error) {
    studio.report(new api.ApiError({ what: `nothing was copied: ${error.message}`, remedy: "download it instead" }));
  }
}

function download(rows, ending) {
  byId("photo-note").textContent = `Saved as ${saveTable(rows, name, "numbers", ending)}.`;
}

async function readTable() {
  const mine = round;
  byId("photo-note").textContent = "Reading …";
  try {
    const answer = await api.show("tables", picture);
    if (mine !== round) return;
    byId("photo-note").textContent = "";
    tables.show(answer, byId("photo-canvas"), name);
  } catch (error) {
    byId("photo-note").textContent = "";
    studio.report(error);
  }
}

async function examine() {
  const mine = round;
  byId("photo-note").textContent = "Working …";
  try {
    const sheet = await createImageBitmap(await api.showForPicture("doctor", picture));
    if (mine !== round) return;
    const canvas = byId("photo-sheet");
    canvas.width = sheet.width;
    canvas.height = sheet.height;
    canvas.getContext("2d").drawImage(sheet, 0, 0);
    byId("photo-stages").hidden = false;
    byId("photo-stages").scrollIntoView();
    byId("photo-note").textContent = "";
  } catch (error) {
    byId("photo-note").textContent = "";
    studio.report(error);
  }
}
