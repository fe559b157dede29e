/* Train: settings, curves while the training runs, its scorecard, and what to do with the run. */

import * as api from "../api.js";
import { scorecard } from "../card.js";
import { ofEpochs, plotBoth } from "../curves.js";
import { byId, row } from "../dom.js";
import { horizon } from "../pure/chart.js";
import { duration, fixed, percent } from "../pure/format.js";
import * as training from "../pure/training.js";
import { actions, remove, use } from "../runs.js";

// The form's fields whose values are words; those of the others are numbers.
const WORDS = ["recipe", "data", "network", "activation", "optimizer"];
const ENDS = { done: "Done.", interrupted: "Stopped; what was trained is kept." };
const STARTING = "Starting: loading Keras and compiling the network …";
const KEY =
  "The line of the training is a mean over its last steps, while the weights change. A dot is a completed epoch: " +
  "the validation images are read with the weights at its end.";
const NO_VALIDATION = "A validation split, such as 0.1, adds the validation’s curves.";
// The sample's 4,000 images are learned by heart in half a minute.
const OVERFIT = { data: "sample", validation: 0.2, epochs: 40, batch_size: 32, optimizer: "adam" };

let studio;
let recipes = [];
let state = null;
let events = null;

export function make(given) {
  studio = given;
  const form = byId("train-form");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    start(() => api.tell("POST", "train", settings()));
  });
  byId("train-stop").addEventListener("click", stop);
  byId("train-log").addEventListener("change", showCurves);
  byId("train-classic").addEventListener("click", () => fill({ ...recipe("classic"), data: "", seed: 0 }));
  byId("train-overfit").addEventListener("click", () => fill({ ...recipe("classic"), ...OVERFIT }));
  form.elements.recipe.addEventListener("change", (event) => fill(recipe(event.target.value)));
  form.elements.network.addEventListener("change", showFixed);
  showCurves();
}

/** Load the recipes, and follow a training that is running already, as after the page was closed. */
export async function resume() {
  const { training: running, can_train: able } = studio.status;
  if (!able) {
    byId("train-start").disabled = true;
    byId("train-said").textContent = "This installation cannot train. To change that: pip install 'mnistry[train]'";
  }
  if (running) follow(running);
  recipes = await api.ask("recipes");
  const select = byId("train-form").elements.recipe;
  select.replaceChildren(...recipes.map(({ name }) => new Option(name, name, name === "classic", name === "classic")));
}

/** A recipe's settings, with its name. */
function recipe(name) {
  const { name: called, ...found } = recipes.find((one) => one.name === name) ?? { name };
  return { recipe: called, ...found };
}

/** Set the form's fields; null empties one. */
function fill(values) {
  const { elements } = byId("train-form");
  for (const [name, value] of Object.entries(values)) {
    const field = elements[name];
    const text = value === null ? "" : String(value);
    if (field.tagName === "SELECT" && ![...field.options].some((option) => option.value === text)) field.add(new Option(text));
    field.value = text;
  }
  elements.distort.placeholder = values.distort === null ? "the recipe’s" : "none";
  showFixed();
}

/** Nodes, layers and activation can be chosen for dense networks alone. */
function showFixed() {
  const { network, units, depth, activation } = byId("train-form").elements;
  for (const field of [units, depth, activation]) field.disabled = network.value !== "dense";
}

/** The fields' values, without those that equal the recipe's. */
function settings() {
  const given = {};
  const { name: _, ...own } = recipes.find((one) => one.name === byId("train-form").elements.recipe.value) ?? {};
  for (const [name, text] of new FormData(byId("train-form"))) {
    const value = WORDS.includes(name) ? text : text === "" ? null : Number(text);
    if (name === "data" && !text) continue;
    if (name === "distort" && value === null) continue;
    if (!(name in own) || own[name] !== value) given[name] = value;
  }
  return given;
}

/** Start a training by asking for one, and follow it. */
async function start(ask) {
  byId("train-start").disabled = true;
  byId("train-said").textContent = STARTING;
  byId("train-said").scrollIntoView({ block: "nearest" });
  try {
    follow(await ask());
  } catch (error) {
    byId("train-start").disabled = false;
    byId("train-said").textContent = "No training is running.";
    studio.report(error);
  }
}

async function stop() {
  byId("train-stop").disabled = true;
  byId("train-said").textContent = "Stopping …";
  try {
    await api.ask("train", { method: "DELETE" });
  } catch (error) {
    byId("train-stop").disabled = false;
    studio.report(error);
  }
}

/** Resume a run that was stopped, or end it where it stands: "resume" or "finish". */
export function goOn(name, how) {
  studio.go("train");
  return start(() => api.ask(`runs/${encodeURIComponent(name)}/${how}`, { method: "POST" }));
}

function follow(running) {
  state = training.started(running);
  byId("train-card").hidden = byId("train-next").hidden = true;
  byId("train-start").disabled = true;
  byId("train-stop").disabled = false;
  events?.close();
  events = new EventSource("api/train/events");
  for (const kind of ["progress", "epoch", "done", "failed"]) {
    events.addEventListener(kind, (event) => heard(kind, JSON.parse(event.data)));
  }
  show();
}

let painting = false;

function heard(kind, data) {
  state = training.after(state, kind, data);
  if (state.outcome) {
    events.close();
    finish();
  }
  // Show any number of events once a frame.
  if (painting) return;
  painting = true;
  requestAnimationFrame(() => {
    painting = false;
    show();
  });
}

async function finish() {
  byId("train-stop").disabled = true;
  byId("train-start").disabled = false;
  if (state.outcome.kind === "failed") {
    studio.report(new api.ApiError(state.outcome.error));
    return;
  }
  try {
    showEnd(await api.ask(`runs/${encodeURIComponent(state.run)}`));
  } catch (error) {
    studio.report(error);
  }
}

/** Show how a run ended, and what can be done with it. */
function showEnd(run) {
  state = { ...state, run: run.name, outcome: { kind: run.status } };
  show();
  byId("train-card").hidden = !run.scores;
  if (run.scores) byId("train-scores").replaceChildren(...scorecard(run.scores));
  byId("train-next").hidden = false;
  byId("train-next").replaceChildren(...actions(run, {
    draw: () => use(studio, run.name).then(() => studio.go("draw")),
    look: () => use(studio, run.name).then(() => studio.go("inside")),
    compare: () => studio.compare(run.name),
    goOn: (how) => goOn(run.name, how),
    renamed: showEnd,
    remove: async () => {
      await remove(run.name);
      byId("train-next").hidden = byId("train-card").hidden = true;
      byId("train-said").textContent = `${run.name} is deleted.`;
    },
  }, studio));
}

function show() {
  const { now, outcome, epochs, run } = state;
  byId("train-said").textContent = outcome
    ? `${run}: ${ENDS[outcome.kind] ?? `${outcome.kind}.`}`
    : now ? `${run} is training.` : STARTING;
  if (now) {
    byId("train-progress").value = training.place(now) / epochs;
    byId("train-epoch").textContent = `${now.epoch} of ${epochs}`;
    byId("train-loss").textContent = fixed(now.loss, 4);
    byId("train-accuracy").textContent = percent(now.accuracy, 2);
    byId("train-left").textContent = left(now, outcome);
  } else {
    byId("train-progress").value = 0;
    for (const name of ["epoch", "loss", "accuracy", "left"]) byId(`train-${name}`).textContent = "–";
  }
  showCurves();
  showEpochs();
}

function left({ seconds_left: seconds }, outcome) {
  return outcome || seconds === null || seconds === undefined ? "–" : duration(seconds);
}

function showCurves() {
  const { points = [], finished = [], epochs = 5 } = state ?? {};
  const steps = { kind: "a", loss: training.curve(points, "loss"), accuracy: training.curve(points, "accuracy") };
  const lines = [points.length ? steps : ofEpochs("a", finished), ofEpochs("b", finished, "val_")];
  const over = training.overfitting(finished);
  const done = Math.max(points.at(-1)?.x ?? 0, finished.at(-1)?.epoch ?? 0);
  plotBoth({ loss: byId("train-loss-chart"), accuracy: byId("train-accuracy-chart") }, {
    epochs: horizon(done, epochs), log: byId("train-log").checked, best: over?.best.epoch ?? null, lines,
  });
  const watched = finished.length && typeof finished[0].val_loss === "number";
  byId("train-key").textContent = watched || !finished.length ? KEY : `${KEY} ${NO_VALIDATION}`;
  byId("train-warning").hidden = !over;
  if (over) byId("train-warning").textContent = told(over);
}

function told({ best, last }) {
  return (
    `Overfitting since epoch ${best.epoch}: from there to epoch ${last.epoch} the training loss fell from ` +
    `${fixed(best.loss, 4)} to ${fixed(last.loss, 4)}, and the validation loss rose from ${fixed(best.val_loss, 4)} to ` +
    `${fixed(last.val_loss, 4)}. The network learns these images by heart. Dropout, distortion, more images or an early ` +
    "stop help."
  );
}

function showEpochs() {
  const table = byId("train-epochs");
  const or = (value, text) => (typeof value === "number" ? text(value) : "–");
  table.hidden = !state.finished.length;
  table.querySelector("tbody").replaceChildren(
    ...state.finished.map((epoch) => row([
      String(epoch.epoch), fixed(epoch.loss, 4), percent(epoch.accuracy, 2), or(epoch.val_loss, (loss) => fixed(loss, 4)),
      or(epoch.val_accuracy, (part) => percent(part, 2)), fixed(epoch.seconds, 2),
    ])),
  );
}
