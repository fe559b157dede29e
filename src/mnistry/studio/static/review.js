/* Review and audit: shows one field after the other, and sends what a person types. In a review,
   pages that were set aside come before the fields; placing.js shows them.

   A decision is answered only when it is on disk; the next field is shown after that. Fields that
   come next are loaded before they are needed. */

import * as api from "./api.js";
import { byId, element } from "./dom.js";
import { count, percent } from "./pure/format.js";
import * as placing from "./placing.js";
import { beside, done, nextOpen, queue, stepped } from "./pure/review.js";

const AHEAD = 2; // fields loaded beforehand
const KEPT = 12; // fields kept in memory

const typed = byId("typed");
const inStudio = location.pathname.endsWith("/review");
const loaded = new Map(); // by name: the promise of a field and its picture
let fields = queue([]);
let view = null; // what the server says about the field on the screen
let busy = false; // a decision is on its way, or a field is not there yet
let isEmpty = false; // the person says that nothing is written
let warnedText = null; // typed, and the server has warned about it: Enter again keeps it

function report(error) {
  byId("trouble").querySelector("p").textContent = error.message;
  byId("trouble").hidden = false;
  if (!(error instanceof api.ApiError)) throw error; // a bug: report it on the console too
}

/** Whether a name is that of a page, not of a field. */
const isPage = (name) => name.startsWith("page/");

function load(name, image = picture(name)) {
  const what = isPage(name) ? "page" : "field";
  const loading = Promise.all([api.ask(`review/${what}?name=${encodeURIComponent(name)}`), image]);
  loading.catch(() => loaded.delete(name)); // reported when the field is shown
  loaded.set(name, loading);
  return loading;
}

/** Load again what is known of a field, but not its picture. */
function renew(name) {
  if (loaded.has(name)) load(name, loaded.get(name).then(([, image]) => image));
}

async function picture(name) {
  const [file, alt] = isPage(name)
    ? ["scan", "The scan of the page"]
    : ["crop", "The field, framed, and what is round it"];
  const image = element("img", { alt });
  image.src = `api/review/${file}.jpg?name=${encodeURIComponent(name)}`;
  try {
    await image.decode();
  } catch {
    image.alt = "It cannot be shown";
  }
  return image;
}

/** Load the fields that may come next; forget those that are far away. */
function loadAhead() {
  let ahead = fields;
  for (let i = 0; i < AHEAD; i += 1) {
    const at = nextOpen(ahead);
    if (at < 0) break;
    if (!loaded.has(fields.names[at])) load(fields.names[at]);
    ahead = { ...ahead, at };
  }
  for (const name of loaded.keys()) {
    if (loaded.size <= KEPT) break;
    if (name !== fields.names[fields.at]) loaded.delete(name);
  }
}

/** Show the field at a position in the queue; until it is loaded, keys are ignored. */
async function showAt(at) {
  busy = true;
  fields = { ...fields, at };
  try {
    const name = fields.names[at];
    const [found, image] = await (loaded.get(name) ?? load(name));
    if (fields.at !== at) return;
    byId("finished").hidden = true;
    byId("look").hidden = isPage(name);
    byId("place").hidden = !isPage(name);
    showProgress();
    if (isPage(name)) placing.show(found, image);
    else show(found, image);
  } catch (error) {
    report(error);
  } finally {
    busy = false;
  }
  loadAhead();
}

function show(found, image) {
  view = found;
  clear();
  byId("label").textContent = view.label;
  byId("where").textContent = view.where;
  byId("crop").replaceChildren(image);
  setText("why", view.why);
  byId("hint").textContent = `(${view.hint})`;
  typed.inputMode = view.type === "decimal" ? "decimal" : view.type === "text" ? "text" : "numeric";
  typed.placeholder = view.preset ?? "";
  showRead();
  byId("keys").hidden = !view.keys.length;
  byId("keys").replaceChildren(
    ...view.keys.map(([key, option]) => element("li", {}, element("kbd", {}, key), option)),
  );
  typed.focus({ preventScroll: true });
}

/** Show what was decided or read; the server sends neither before it may be seen. */
function showRead() {
  const line = byId("read");
  line.hidden = false;
  if (view.decided !== null) {
    line.replaceChildren("Kept: ", element("strong", {}, view.decided || "empty"));
    if (view.read !== null) line.append(`, read as ${view.read || "empty"}`);
  } else if (view.preset !== null && view.type === "text") {
    line.replaceChildren("It is kept as a picture. Enter confirms that.");
  } else if (view.preset !== null) {
    line.replaceChildren("Read as ", element("strong", {}, view.preset || "empty"), ". Enter confirms it.");
    const others = view.candidates.filter(([text]) => text.trim() !== view.preset);
    if (others.length) {
      const texts = others.map(([text, probability]) => `${text.trim()} (${percent(probability)})`);
      line.append(` Or ${texts.join(", ")}.`);
    }
  } else {
    line.hidden = true;
  }
}

function setText(id, text) {
  byId(id).textContent = text ?? "";
  byId(id).hidden = !text;
}

function showProgress() {
  const total = fields.names.length;
  byId("count").textContent = `${count(done(fields))} of ${count(total)}`;
  byId("progress").max = total || 1;
  byId("progress").value = done(fields);
}

/** Forget what is typed for the present field. */
function clear() {
  typed.value = "";
  typed.placeholder = view?.preset ?? "";
  isEmpty = false;
  warnedText = null;
  byId("asks").textContent = "";
}

function sayEmpty() {
  clear();
  isEmpty = true;
  typed.placeholder = "empty";
  byId("asks").textContent = "Nothing is written: Enter keeps that.";
  typed.focus();
}

async function keep() {
  if (busy || byId("look").hidden) return;
  const text = typed.value.trim();
  const isTyped = Boolean(text) || isEmpty;
  if (!isTyped && view.decided !== null) {
    await showNext();
    return;
  }
  if (!isTyped && view.preset === null) {
    byId("asks").textContent = "Type what is written; Space if nothing is, ? if it cannot be read.";
    return;
  }
  const kept = isTyped ? text : view.preset;
  await send("review/decisions", {
    name: view.id,
    text: kept,
    confirmed: !isTyped,
    insists: warnedText === kept,
  });
}

/** Send a decision or take one back; the answer comes when that is on disk. */
async function send(path, value) {
  busy = true;
  try {
    const step = await api.tell("POST", path, value);
    byId("trouble").hidden = true;
    if (step.asks) {
      if (path === "review/pages") {
        placing.warn(step.asks);
      } else {
        warnedText = value.text;
        byId("asks").textContent = `${step.asks}. Press Enter again if that is what is written.`;
      }
      return;
    }
    fields = stepped(fields, step);
    for (const name of [step.about, ...step.changed, ...step.added]) renew(name);
    byId("said").textContent = step.about ? step.said : "there is nothing to take back";
    if (path !== "review/undo") await showNext();
    else if (step.about) await showField(step.about);
  } catch (error) {
    report(error);
  } finally {
    busy = false;
  }
}

async function showNext() {
  const at = nextOpen(fields);
  if (at >= 0) await showAt(at);
  else finish();
}

async function showField(name) {
  if (!fields.names.includes(name)) fields = { ...fields, names: [...fields.names, name] };
  await showAt(fields.names.indexOf(name));
}

function finish() {
  clear(); // otherwise Ctrl-Z would take back what was typed last, not the decision
  showProgress();
  byId("look").hidden = byId("place").hidden = true;
  byId("finished").hidden = false;
  summarise().catch(report); // not waited for: a decision can be taken back meanwhile
}

async function summarise() {
  const { summary, kind } = await api.ask("review");
  if (byId("finished").hidden) return; // a field is shown again
  setText("summary", summary);
  if (inStudio) byId("after").replaceChildren(element("a", { href: "." }, "Back to the studio"));
  else byId("after").textContent = `Close this page and end mnistry form ${kind} in its terminal with Ctrl-C.`;
  byId("after").hidden = false;
  byId("main").focus();
}

function undo() {
  if (!busy) send("review/undo", {});
}

async function put(said) {
  if (busy || !said) return;
  byId("page-asks").textContent = "";
  await send("review/pages", said);
}

function move(by) {
  if (busy || !byId("finished").hidden) return;
  const at = beside(fields, by);
  if (at !== fields.at) showAt(at);
}

function pressed(event) {
  const key = event.key;
  const moves = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 };
  if (event.repeat && key !== "Tab" && key !== "Backspace") {
    event.preventDefault(); // a held key counts once
  } else if (event.isComposing || event.altKey || event.metaKey || (event.ctrlKey && key !== "z")) {
    // left to the browser
  } else if (event.ctrlKey) {
    if (event.target instanceof HTMLInputElement && event.target.value) return; // takes back what is typed
    event.preventDefault();
    undo();
  } else if (busy) {
    event.preventDefault(); // what is typed now was not meant for the field that comes
  } else if (key in moves) {
    if (event.target instanceof HTMLSelectElement) return; // the key chooses an option
    const text = byId("place").hidden ? typed.value : event.target.value;
    if (text && key !== "ArrowUp" && key !== "ArrowDown") return; // moves within the text
    event.preventDefault();
    move(moves[key]);
  } else if (key === "Escape") {
    clear();
  } else if (event.target instanceof HTMLButtonElement && (key === "Enter" || key === " ")) {
    // left to the browser: the key presses the button
  } else if (key === "Enter") {
    event.preventDefault();
    if (byId("place").hidden) keep();
    else put(placing.said());
  } else if (key === " " && !typed.value && !byId("look").hidden) {
    event.preventDefault();
    sayEmpty();
  } else if (key.length === 1) {
    typed.focus();
  }
}

function make() {
  const [back, forth] = [() => move(-1), () => move(1)];
  const buttons = {
    keep, empty: sayEmpty, undo, back, forth, "page-back": back, "page-forth": forth,
    put: () => put(placing.said()), foreign: () => put(placing.saidForeign()),
  };
  placing.make(report);
  for (const [id, act] of Object.entries(buttons)) byId(id).addEventListener("click", act);
  byId("unreadable").addEventListener("click", () => {
    clear();
    typed.value = "?";
    typed.focus();
  });
  typed.addEventListener("input", () => {
    isEmpty = false;
    warnedText = null;
    byId("asks").textContent = "";
  });
  byId("trouble").querySelector("button").addEventListener("click", () => {
    byId("trouble").hidden = true;
  });
  document.addEventListener("keydown", pressed);
}

async function start() {
  const { kind, title, names } = await api.ask("review");
  document.title = `${title} · mnistry ${kind}`;
  byId("kind").textContent = kind;
  byId("form").textContent = title;
  byId("last").hidden = false;
  fields = queue(names);
  if (names.length) await showAt(0);
  else finish();
}

make();
start().catch(report);
