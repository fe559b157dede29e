/* Photo: the numbers in pictures, shown over them and in a list in which they are corrected. */

import * as api from "../api.js";
import { makeCamera } from "../camera.js";
import { byId, element, paint, saveTable } from "../dom.js";
import { ink } from "../pure/colours.js";
import { toCsv } from "../pure/csv.js";
import { chance, plural } from "../pure/format.js";
import { added, asRows, corrected, corrections, examples, labelPlaces, numbersOf, state, table } from "../pure/numbers.js";
import { boundingBox } from "../pure/reading.js";
import * as form from "./form.js";
import * as tables from "./table.js";
import * as teach from "./teach.js";

const THUMB = 96; // pixels of a thumbnail's longer side
const CROP = [220, 44]; // the largest width and height of a number's picture, in pixels

let studio;
// {name, file, page, several, bitmap, size, numbers, error}: a page of a file, which has `several` pages or one.
let pictures = [];
let shown = null; // one of them
let held = null; // the index of the number that is being corrected

export function make(given) {
  studio = given;
  byId("photo-choose").addEventListener("click", () => byId("photo-file").click());
  for (const id of ["photo-file", "photo-snap"]) {
    byId(id).addEventListener("change", (event) => {
      take([...event.target.files]);
      event.target.value = ""; // so that the same file can be chosen again
    });
  }
  makeCamera((photo) => take([new File([photo], "camera.png", { type: photo.type })]), noCamera);
  makeDrop(byId("view-photo"));
  document.addEventListener("paste", (event) => {
    const files = [...event.clipboardData.files].filter((one) => one.type.startsWith("image/"));
    if (files.length && !byId("view-photo").hidden) take(files);
  });
  byId("photo-add").addEventListener("click", add);
  byId("photo-copy").addEventListener("click", copy);
  byId("photo-download").addEventListener("click", () => download(table(read()), "numbers", ".csv"));
  byId("photo-examples").addEventListener("click", () => download(asRows(allExamples()), "digits", "-digits.csv"));
  byId("photo-doctor").addEventListener("click", () => work("Working …", examine));
  byId("photo-table").addEventListener("click", () => work("Reading …", readTable));
  new ResizeObserver(placeLabels).observe(byId("photo-stage"));
  tables.make(given);
  teach.make(given, allExamples);
}

/** Called when the studio's status is known: a button for each form. */
export function statusKnown() {
  for (const name of studio.status.forms) {
    const button = element("button", { type: "button", className: "photo-as-form", disabled: true }, `Read as ${name}`);
    button.addEventListener("click", () => work("Reading …", async (picture) => {
      const answer = await api.ask(`forms/${encodeURIComponent(name)}?${page(picture)}`, api.picture(picture.file));
      return () => form.show(answer);
    }));
    byId("photo-kinds").append(button);
  }
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
    take([...event.dataTransfer.files]);
  });
}

/** The pictures that could be read. */
function read() {
  return pictures.filter(({ numbers }) => numbers);
}

function allExamples() {
  return read().flatMap(({ numbers }) => examples(numbers));
}

/** Read files one after the other; the first is shown as soon as it is read. */
async function take(files) {
  if (!files.length) return;
  studio.calm();
  const taken = [];
  for (const [i, file] of files.entries()) {
    byId("photo-said").textContent = files.length > 1 ? `Reading ${i + 1} of ${files.length} …` : "Reading …";
    const found = await pagesOf(file);
    pictures = [...pictures, ...found];
    if (!taken.length) open(found[0]);
    taken.push(...found);
    showStrip();
  }
  showAll();
  const [failed, ...more] = taken.filter(({ error }) => error);
  if (failed) {
    const rest = more.length ? ` (and ${plural(more.length, "other picture")})` : "";
    studio.report(new api.ApiError({ what: `${failed.name}${rest}: ${failed.error.message}` }));
  }
}

/** A file's pages, each with its numbers or an error. */
async function pagesOf(file) {
  const name = file.name;
  try {
    const bitmap = await decoded(file);
    const answer = await api.ask(`read?fields=${bitmap ? "all" : "all,preview"}`, api.picture(file));
    const results = answer.results ?? [answer];
    return await Promise.all(results.map(async (result) => {
      const several = results.length > 1;
      const common = { file, page: result.page ?? 1, several, name: several ? `${name}, page ${result.page}` : name };
      if (result.error) return { ...common, error: new api.ApiError(result.error) };
      const preview = result.preview ? await decoded(bytesOf(result.preview)) : null;
      return { ...common, size: result.picture, numbers: numbersOf(result), bitmap: preview ?? (several ? null : bitmap) };
    }));
  } catch (error) {
    return [{ file, name, error }];
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

/** The bytes of a data URL. */
function bytesOf(url) {
  return new Blob([Uint8Array.from(atob(url.split(",")[1]), (one) => one.charCodeAt(0))]);
}

/** Show a picture. */
function open(picture) {
  shown = picture;
  held = null;
  for (const id of ["photo-stages", "photo-tables", "photo-form"]) byId(id).hidden = true;
  byId("photo-note").textContent = "";
  const [width, height] = picture.size ?? [4, 3];
  const canvas = byId("photo-canvas");
  canvas.width = width;
  canvas.height = height;
  if (picture.bitmap) canvas.getContext("2d").drawImage(picture.bitmap, 0, 0, width, height);
  // A small picture is enlarged, and a high one is as high as the window.
  const stage = byId("photo-stage");
  stage.dataset.empty = String(!picture.numbers);
  stage.style.width = picture.numbers ? `min(100%, ${Math.round(74 * (width / height))}vh)` : "";
  canvas.classList.toggle("enlarged", width < 120);
  byId("photo-hint").hidden = Boolean(picture.bitmap);
  byId("photo-hint").textContent = picture.numbers
    ? "This browser cannot show this file; its numbers are in the list."
    : "It could not be read.";
  showAll();
}

/** Show the picture's numbers, and what there is of all pictures. */
function showAll() {
  byId("photo-canvas").setAttribute("aria-label", shown.numbers ? `The picture ${shown.name}: ${summary()}` : "No picture yet");
  byId("photo-said").textContent = summary();
  showBoxes();
  showNumbers();
  showDigits();
  showStrip();
  const none = !read().some(({ numbers }) => numbers.length);
  for (const id of ["photo-copy", "photo-download", "photo-examples"]) byId(id).disabled = none;
  for (const button of byId("photo-kinds").querySelectorAll("button")) button.disabled = !shown.numbers;
  byId("photo-add").disabled = !shown.numbers;
  byId("photo-doctor").disabled = !shown.numbers || shown.several;
  teach.offer(read().reduce((sum, { numbers }) => sum + corrections(numbers), 0));
}

function summary() {
  if (shown.error) return `${shown.name} could not be read.`;
  const found = shown.numbers.filter(({ text }) => text).length;
  if (!shown.numbers.length) return "No digit found. Choose “Show how it was read” to see why.";
  const doubts = shown.numbers.filter((number) => state(number) === "unsure").length;
  const rest = doubts ? `; ${doubts} uncertain: ? stands for a digit to check` : "";
  return `${plural(found, "number")}${rest}. Correct here what is wrong:`;
}

/** The thumbnails, if there are several pictures. */
function showStrip() {
  byId("photo-strip").hidden = pictures.length < 2;
  byId("photo-strip").replaceChildren(...pictures.map((picture, index) => {
    const doubts = picture.numbers?.filter((number) => state(number) === "unsure").length ?? 0;
    const said = picture.error ? "not read" : `${picture.numbers.length}${doubts ? `, ${doubts} ?` : ""}`;
    const button = element("button", {
      type: "button",
      className: picture.error || doubts ? "unsure" : "",
      title: picture.name,
      "aria-label": `Picture ${index + 1}, ${picture.name}: ${picture.error ? "not read" : plural(picture.numbers.length, "number")}`,
      "aria-current": String(picture === shown),
    }, thumbnail(picture), element("span", {}, said));
    button.addEventListener("click", () => open(picture));
    return element("li", {}, button);
  }));
}

function thumbnail({ bitmap }) {
  const scale = bitmap ? THUMB / Math.max(bitmap.width, bitmap.height) : 1;
  const [width, height] = bitmap ? [bitmap.width, bitmap.height].map((side) => Math.max(1, side * scale)) : [THUMB, THUMB];
  const canvas = element("canvas", { width, height, "aria-hidden": "true" });
  if (bitmap) canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return canvas;
}

function showBoxes() {
  const [width, height] = shown.size ?? [1, 1];
  byId("photo-boxes").replaceChildren(...(shown.numbers ?? []).flatMap((number, index) => {
    if (!number.text || !number.box) return [];
    const box = element("button", {
      type: "button",
      className: `box ${state(number)}`,
      "aria-label": `Number ${index + 1}: ${number.text}; correct it`,
      "aria-pressed": String(index === held),
      "data-number": String(index),
    });
    const [x, y, wide, high] = boundingBox(number);
    // A twelfth of the height more on each side, so that the frame is not on the ink.
    const gap = high / 12;
    box.style.left = `${((x - gap) / width) * 100}%`;
    box.style.top = `${((y - gap) / height) * 100}%`;
    box.style.width = `${((wide + 2 * gap) / width) * 100}%`;
    box.style.height = `${((high + 2 * gap) / height) * 100}%`;
    box.addEventListener("click", () => field(index)?.focus());
    const label = element("span", { className: `label ${state(number)}`, "aria-hidden": "true" }, number.text);
    return [box, label];
  }));
  placeLabels();
}

/** Put each label beside its box, where it covers no number. */
function placeLabels() {
  const area = byId("photo-boxes");
  const size = [area.clientWidth, area.clientHeight];
  if (!size[0]) return; // not on the screen
  const [boxes, labels] = ["box", "label"].map((name) => [...area.getElementsByClassName(name)]);
  const places = labelPlaces(
    boxes.map((box) => [box.offsetLeft, box.offsetTop, box.offsetWidth, box.offsetHeight]),
    labels.map((label) => [label.offsetWidth, label.offsetHeight]),
    size,
  );
  labels.forEach((label, i) => {
    label.style.visibility = places[i] ? "visible" : "hidden";
    if (places[i]) [label.style.left, label.style.top] = places[i].map((side) => `${side}px`);
  });
}

function field(index) {
  return byId("photo-numbers").querySelector(`[data-number="${index}"]`);
}

function showNumbers() {
  byId("photo-numbers").replaceChildren(...(shown.numbers ?? []).map((number, index) => {
    const input = element("input", {
      type: "text",
      value: number.text,
      autocomplete: "off",
      spellcheck: false,
      inputMode: "decimal",
      maxLength: 100,
      "aria-label": `Number ${index + 1}${number.text === number.read ? "" : `, read as ${number.read || "nothing"}`}`,
      "data-number": String(index),
    });
    input.addEventListener("focus", () => hold(index));
    input.addEventListener("change", () => correct(index, input.value));
    input.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      correct(index, input.value);
      (field(index + 1) ?? field(0)).focus();
    });
    return element("li", { className: state(number) }, crop(number), input);
  }));
}

/** A number's part of the picture. */
function crop(number) {
  if (!number.box) return element("span", { className: "quiet" }, "added by hand");
  const [x, y, width, height] = boundingBox(number);
  const gap = height / 8;
  const scale = Math.min(CROP[0] / (width + 2 * gap), CROP[1] / (height + 2 * gap));
  const seen = element("canvas", { width: Math.ceil((width + 2 * gap) * scale), height: Math.ceil((height + 2 * gap) * scale), "aria-hidden": "true" });
  if (shown.bitmap) seen.getContext("2d").drawImage(byId("photo-canvas"), x - gap, y - gap, width + 2 * gap, height + 2 * gap, 0, 0, seen.width, seen.height);
  return seen;
}

function hold(index) {
  held = index;
  for (const box of byId("photo-boxes").querySelectorAll(".box")) {
    box.setAttribute("aria-pressed", String(box.dataset.number === String(index)));
  }
  showDigits();
}

function add() {
  shown.numbers = added(shown.numbers);
  showAll();
  field(shown.numbers.length - 1).focus();
}

function correct(index, text) {
  const number = shown.numbers[index];
  if (text.trim() === number.text) return;
  shown.numbers = corrected(shown.numbers, index, text);
  const active = document.activeElement?.dataset?.number;
  showAll();
  if (active !== undefined) field(active)?.focus();
}

/** The held number's digits as the network sees them, with its guesses. */
function showDigits() {
  const number = held === null ? null : shown.numbers?.[held];
  byId("photo-digits").hidden = !number;
  byId("photo-digits").replaceChildren(...(number?.digits ?? []).map(({ image, candidates }) => {
    const canvas = element("canvas", { className: "pixels", "aria-hidden": "true" });
    paint(canvas, image, ink);
    const guesses = candidates.slice(0, 2).map((one) => `${one.digit} ${chance(one.confidence)}`);
    return element("figure", {}, canvas, element("figcaption", {}, ...guesses.map((guess) => element("span", {}, guess))));
  }));
}

async function copy() {
  try {
    await navigator.clipboard.writeText(toCsv(table(read())));
    byId("photo-note").textContent = "Copied.";
  } catch (error) {
    studio.report(new api.ApiError({ what: `nothing was copied: ${error.message}`, remedy: "download it instead" }));
  }
}

function download(rows, other, ending) {
  const name = read().length === 1 ? read()[0].file.name : "";
  byId("photo-note").textContent = `Saved as ${saveTable(rows, name, other, ending)}.`;
}

function page(picture) {
  return new URLSearchParams(picture.several ? { pages: picture.page } : {});
}

/** Ask something about the picture; `ask` resolves to a function that shows the answer. */
async function work(said, ask) {
  const picture = shown;
  byId("photo-note").textContent = said;
  try {
    const show = await ask(picture);
    if (picture === shown) show();
  } catch (error) {
    studio.report(error);
  }
  byId("photo-note").textContent = "";
}

async function readTable(picture) {
  const answer = await api.ask(`tables?${page(picture)}`, api.picture(picture.file));
  return () => tables.show(answer, byId("photo-canvas"), picture.file.name);
}

async function examine(picture) {
  const sheet = await createImageBitmap(await api.showForPicture("doctor", picture.file));
  return () => {
    const canvas = byId("photo-sheet");
    canvas.width = sheet.width;
    canvas.height = sheet.height;
    canvas.getContext("2d").drawImage(sheet, 0, 0);
    byId("photo-stages").hidden = false;
    byId("photo-stages").scrollIntoView();
  };
}
