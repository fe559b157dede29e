/* Train: settings, curves while the training runs, and its scorecard. */

import * as api from "../api.js";
import { scorecard } from "../card.js";
import { plot } from "../curves.js";
import { byId, row } from "../dom.js";
import { duration, fixed, percent } from "../pure/format.js";
import * as training from "../pure/training.js";

const NUMBERS = ["units", "depth", "learning_rate", "batch_size", "epochs", "seed"];
const ENDS = { done: "Done.", interrupted: "Stopped; the run is kept and can be resumed." };

let studio;
let state = null;
let events = null;

export function make(given) {
  studio = given;
  byId("train-form").addEventListener("submit", (event) => {
    event.preventDefault();
    start();
  });
  byId("train-stop").addEventListener("click", stop);
  byId("train-form").elements.network.addEventListener("change", (event) => {
    const { units, depth } = byId("train-form").elements;
    units.disabled = depth.disabled = event.target.value !== "dense"; // fixed in the other networks
  });
  showCurves();
}

/** Follow a training that is running already, as after the page was closed. */
export function resume() {
  const { training: running, can_train: able } = studio.status;
  if (!able) {
    byId("train-start").disabled = true;
    byId("train-said").textContent = "This installation cannot train. To change that: pip install 'mnistry[train]'";
  }
  if (running) follow(running);
}

function settings() {
  const given = Object.fromEntries(new FormData(byId("train-form")));
  for (const [name, value] of Object.entries(given)) {
    if (value === "") delete given[name];
    else if (NUMBERS.includes(name)) given[name] = Number(value);
  }
  return given;
}

async function start() {
  byId("train-start").disabled = true;
  byId("train-said").textContent = "Starting: loading Keras and compiling the network …";
  try {
    follow(await api.tell("POST", "train", settings()));
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

function follow(running) {
  state = training.started(running);
  byId("train-card").hidden = true;
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
    const run = await api.ask(`runs/${encodeURIComponent(state.run)}`);
    state = { ...state, outcome: { kind: run.status } };
    show();
    if (!run.scores) return;
    byId("train-scores").replaceChildren(...scorecard(run.scores));
    byId("train-card").hidden = false;
  } catch (error) {
    studio.report(error);
  }
}

function show() {
  const { now, outcome, epochs, run } = state;
  byId("train-said").textContent = outcome
    ? `${run}: ${ENDS[outcome.kind] ?? `${outcome.kind}.`}`
    : now ? `${run} is training.` : "Starting: loading Keras and compiling the network …";
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
  const epochs = state?.epochs ?? 5;
  const of = (name) => ({
    kind: "a",
    points: training.curve(state?.points ?? [], name),
    dots: (state?.finished ?? []).map((epoch) => [epoch.epoch, epoch[name]]),
  });
  plot(byId("train-loss-chart"), {
    title: "loss, nats", unit: (value) => fixed(value, 2), epochs, lines: [of("loss")], best: 0, usual: 0.5,
  });
  plot(byId("train-accuracy-chart"), {
    title: "accuracy", unit: (value) => `${Number((value * 100).toFixed(1))} %`, epochs, lines: [of("accuracy")], best: 1, usual: 0.9,
  });
}

function showEpochs() {
  const table = byId("train-epochs");
  table.hidden = !state.finished.length;
  table.querySelector("tbody").replaceChildren(
    ...state.finished.map((epoch) => row([
      String(epoch.epoch), fixed(epoch.loss, 4), percent(epoch.accuracy, 2), fixed(epoch.seconds, 2),
    ])),
  );
}
