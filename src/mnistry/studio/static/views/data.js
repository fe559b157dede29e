/* Data: the images of a dataset by label, the network's mistakes, and an image as numbers. */

import * as api from "../api.js";
import { byId, element, paint } from "../dom.js";
import { ink, wantsBlack } from "../pure/colours.js";
import { chance, count, plural } from "../pure/format.js";
import { session } from "../session.js";

const PAGE = 100; // images shown at once

let studio;
let offset = 0;
let total = 0;
let chosen = null; // {split, item, image}
let round = 0; // counts requests, so that an old answer does not replace a newer one
let stale = true;
let classes = []; // their names

export function make(given) {
  studio = given;
  byId("data-form").addEventListener("change", (event) => {
    if (event.target.id === "data-size") return;
    if (event.target.id === "data-name") byId("data-digit").value = ""; // the classes are others
    // Mistakes are most telling where the network is sure.
    if (event.target.id === "data-only" && event.target.value === "mistakes") byId("data-order").value = "surest";
    offset = 0;
    load();
  });
  byId("data-size").addEventListener("input", resize);
  byId("data-from").addEventListener("change", (event) => {
    offset = Math.min(Math.max(0, Math.floor(Number(event.target.value)) - 1), Math.max(0, total - 1));
    load();
  });
  resize();
  byId("data-form").addEventListener("submit", (event) => event.preventDefault());
  byId("data-before").addEventListener("click", () => turn(-PAGE));
  byId("data-after").addEventListener("click", () => turn(PAGE));
  byId("data-inside").addEventListener("click", () => {
    const { split, item, image } = chosen;
    session.showTest({ image, label: item.label, name: `${split} image ${count(item.index)}` });
    studio.go("inside");
  });
}

export function shown() {
  if (stale) load();
}

/** Called after a change of network: it makes other mistakes. */
export function networkChanged() {
  stale = true;
}

function resize() {
  byId("data-images").style.setProperty("--tile", `${byId("data-size").value}rem`);
}

function turn(by) {
  offset = Math.max(0, offset + by);
  load();
}

function named(label) {
  return label === null ? "none" : classes[label] ?? String(label);
}

async function load() {
  round += 1;
  const mine = round;
  const split = byId("data-split").value;
  const only = byId("data-only").value;
  const data = byId("data-name").value;
  const wanted = new URLSearchParams({ split, offset, limit: PAGE, order: byId("data-order").value, ...(data && { data }) });
  if (byId("data-digit").value) wanted.set("digit", byId("data-digit").value);
  if (only) wanted.set(only, "true");
  byId("data-said").textContent = "Loading …";
  try {
    const answer = await api.ask(`data?${wanted}`);
    if (mine !== round) return;
    stale = false;
    total = answer.total;
    showClasses(answer.classes);
    byId("data-said").textContent = describe(answer, split, only);
    showPages(answer.items.length);
    await showImages(data, split, answer.items, mine);
  } catch (error) {
    if (mine !== round) return;
    byId("data-said").textContent = "";
    studio.report(error);
  }
}

/** The names of the classes to choose from. */
function showClasses(names) {
  if (String(names) === String(classes)) return;
  classes = names;
  byId("data-digit").replaceChildren(new Option("all", ""), ...classes.map((one, i) => new Option(one, String(i))));
}

function describe({ name, total: all, notices }, split, only) {
  const kind = { "": "", mistakes: " that the network reads wrongly", disputed: " with a disputed label" }[only];
  const found = `${name}, ${split}: ${plural(all, "image")}${kind}`;
  return [found, ...notices].join(". ");
}

function showPages(shownNow) {
  byId("data-before").disabled = offset === 0;
  byId("data-after").disabled = offset + PAGE >= total;
  byId("data-from").value = String(offset + 1);
  byId("data-from").max = String(Math.max(1, total));
  byId("data-page").textContent = shownNow
    ? `${count(offset + 1)} to ${count(offset + shownNow)} of ${count(total)}`
    : "none";
}

async function showImages(data, split, items, mine) {
  const list = byId("data-images");
  list.replaceChildren();
  if (!items.length) return;
  const sheet = new Image();
  sheet.src = `api/data/${split}/sheet.png?${new URLSearchParams({ indices: items.map((item) => item.index), ...(data && { data }) })}`;
  await sheet.decode();
  if (mine !== round) return;
  list.replaceChildren(...items.map((item, i) => element("li", {}, tile(data, split, item, sheet, i))));
}

function tile(data, split, item, sheet, i) {
  const canvas = element("canvas", { width: 28, height: 28, className: "pixels", "aria-hidden": "true" });
  canvas.getContext("2d").drawImage(sheet, i * 28, 0, 28, 28, 0, 0, 28, 28);
  const wrong = item.guess !== null && item.guess !== item.label;
  const words = [`image ${item.index}, label ${named(item.label)}`];
  if (wrong) words.push(`read as ${item.guess}, confidence ${chance(item.confidence)}`);
  if (item.disputed) words.push("label disputed");
  const made = element("button", {
    type: "button",
    className: wrong ? "wrong" : "",
    title: words.join(", "),
    "aria-label": words.join(", "),
  }, canvas, element("span", { "aria-hidden": "true" }, wrong ? `${item.label}→${item.guess}` : named(item.label)));
  made.addEventListener("click", () => open(data, split, item, made));
  return made;
}

async function open(data, split, item, button) {
  try {
    const { image } = await api.ask(`data/${split}/${item.index}?${new URLSearchParams(data && { data })}`);
    for (const one of byId("data-images").querySelectorAll("[aria-current]")) one.removeAttribute("aria-current");
    button.setAttribute("aria-current", "true");
    chosen = { split, item, image };
    byId("data-one").hidden = byId("data-numbers").hidden = false;
    byId("data-title").textContent = `${split} image ${count(item.index)}`;
    byId("data-about").textContent = about(item);
    paint(byId("data-large"), image, ink);
    byId("data-large").setAttribute("aria-label", `Image ${item.index}, label ${named(item.label)}`);
    showMatrix(image);
    byId("data-detail").scrollIntoView({ block: "nearest" });
  } catch (error) {
    studio.report(error);
  }
}

function about({ label, guess, confidence, disputed }) {
  const parts = [`Its label is ${named(label)}.`];
  if (guess !== null) parts.push(`The network reads ${guess}, with confidence ${chance(confidence)}.`);
  if (disputed) parts.push("This label is disputed.");
  return parts.join(" ");
}

function showMatrix(image) {
  byId("data-matrix").replaceChildren(
    ...image.map((line) => element("tr", {}, ...line.map((value) => {
      const cell = element("td", {}, String(value));
      const colour = ink(value);
      cell.style.backgroundColor = `rgb(${colour})`;
      cell.style.color = wantsBlack(colour) ? "#000" : "#fff";
      return cell;
    }))),
  );
}
