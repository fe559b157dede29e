/* Runs: a list, a comparison of two of them, and a choice of the network in use. */

import * as api from "../api.js";
import { ofEpochs, plotBoth } from "../curves.js";
import { byId, element, row } from "../dom.js";
import { fixed, percent, plural } from "../pure/format.js";
import { actions, remove, use } from "../runs.js";

const FIRST = "the network at the start";

let studio;
let runs = [];
let broken = []; // what could not be read
const compared = { a: null, b: null };
let open = null; // the name of the run whose buttons are shown
let round = 0;
let last = null; // the comparison that is shown

export function make(given) {
  studio = given;
  byId("runs-log").addEventListener("change", () => showCurves(last));
}

export async function shown() {
  try {
    show(await api.ask("runs"));
  } catch (error) {
    studio.report(error);
  }
}

/** Compare a run with the last one before it that was scored. */
export async function compareWith(name) {
  const found = await api.ask("runs");
  const others = found.runs.filter((run) => run.name !== name && run.test_accuracy !== null);
  Object.assign(compared, { a: others.at(-1)?.name ?? null, b: name });
  studio.go("runs");
  show(found);
  await compare();
  if (others.length) byId("runs-compare").scrollIntoView();
  else byId("runs-said").textContent = "There is no other run yet that it could be compared with.";
}

function show(found) {
  ({ runs, broken } = found);
  const said = runs.length
    ? `${plural(runs.length, "run")}. Choose A and B to compare two runs. “use” chooses the network for all pages.`
    : "No runs yet: train a network first.";
  byId("runs-said").textContent = broken.length ? `${said} ${broken.length} more could not be read.` : said;
  const first = { name: null, chosen: !runs.some((run) => run.chosen) };
  byId("runs-table").replaceChildren(runRow(first), ...[...runs].reverse().flatMap(rowsOf));
}

/** A run's row, and below it the row with its buttons, if that is open. */
function rowsOf(run) {
  const line = runRow(run);
  if (run.name !== open) return [line];
  const place = element("td", { colSpan: 7 }, element("div", { className: "tools" }, ...actions(run, handlers(run), studio)));
  return [line, element("tr", { className: "more" }, place)];
}

function handlers({ name }) {
  return {
    draw: () => use(studio, name).then(() => studio.go("draw")),
    look: () => use(studio, name).then(() => studio.go("inside")),
    compare: () => compareWith(name),
    goOn: (how) => studio.goOn(name, how),
    remove: async () => {
      for (const side of ["a", "b"]) if (compared[side] === name) compared[side] = null;
      show(await remove(name));
      await compare();
    },
    renamed: async (run) => {
      for (const side of ["a", "b"]) if (compared[side] === name) compared[side] = run.name;
      open = run.name;
      await Promise.all([studio.refresh(), shown(), compare()]);
    },
  };
}

function runRow(run) {
  const details = run.name === null ? [] : [run.recipe, run.seed === null ? "" : `seed ${run.seed}`, run.data, run.status === "done" ? "" : run.status];
  const said = details.filter(Boolean).join(" · ");
  const line = element("tr", { className: run.chosen ? "marked" : "" },
    element("th", { scope: "row" }, run.name ?? FIRST, element("span", { className: "quiet" }, said)),
    number("test accuracy", run.test_accuracy, (part) => percent(part, 2)),
    number("test loss, bits", run.test_loss, (loss) => fixed(loss / Math.LN2, 3)),
  );
  line.append(pick("a", run), pick("b", run), chooser(run), more(run));
  return line;
}

function number(label, value, text) {
  const shown = value === undefined ? "" : value === null ? "–" : text(value);
  return element("td", { "data-label": shown && label }, shown);
}

/** A radio button that makes a run A or B. */
function pick(side, run) {
  const cell = element("td", { "data-label": run.name === null ? "" : side.toUpperCase() });
  if (run.name === null) return cell;
  const radio = element("input", {
    type: "radio",
    name: `run-${side}`,
    checked: compared[side] === run.name,
    disabled: run.test_accuracy === null,
    "aria-label": `${run.name} as ${side.toUpperCase()}`,
  });
  radio.addEventListener("change", () => {
    compared[side] = run.name;
    compare();
  });
  cell.append(radio);
  return cell;
}

function chooser(run) {
  const cell = element("td");
  if (run.chosen) {
    cell.append("in use");
  } else if (run.name === null || run.status === "done") {
    const name = run.name ?? FIRST;
    const button = element("button", { type: "button", "aria-label": `Use ${name}` }, "use");
    button.addEventListener("click", () => choose(run.name));
    cell.append(button);
  }
  return cell;
}

async function choose(name) {
  try {
    await use(studio, name);
    await shown();
  } catch (error) {
    studio.report(error);
  }
}

/** A button that shows or hides what can be done with a run. */
function more({ name }) {
  const { training } = studio.status ?? {};
  const trains = training?.status === "running" && training.run === name;
  const cell = element("td");
  if (name === null || trains) return cell;
  const button = element("button", { type: "button", "aria-expanded": String(name === open), "aria-label": `More about ${name}` }, "…");
  button.addEventListener("click", () => {
    open = name === open ? null : name;
    show({ runs, broken });
    [...byId("runs-table").querySelectorAll("[aria-expanded]")].find((one) => one.ariaLabel === button.ariaLabel).focus();
  });
  cell.append(button);
  return cell;
}

async function compare() {
  const { a, b } = compared;
  round += 1;
  if (!a || !b || a === b) {
    byId("runs-compare").hidden = true;
    return;
  }
  const mine = round;
  try {
    const answer = await api.ask(`runs/compare?${new URLSearchParams({ a, b })}`);
    if (mine === round) showComparison(answer);
  } catch (error) {
    if (mine === round) studio.report(error);
  }
}

function showComparison(answer) {
  last = answer;
  const { a, b, mcnemar } = answer;
  byId("runs-compare").hidden = false;
  byId("runs-name-a").textContent = `A: ${a.name}`;
  byId("runs-name-b").textContent = `B: ${b.name}`;
  byId("runs-verdict").textContent = mcnemar
    ? `McNemar’s test: ${mcnemar.verdict}.`
    : "They were not scored on the same test images, so McNemar’s test cannot compare them.";
  showCurves(answer);
  byId("runs-scores").replaceChildren(...scores(a.scores, b.scores, mcnemar).map((cells) => row(cells)));
}

function showCurves({ a, b }) {
  plotBoth({ loss: byId("runs-loss-chart"), accuracy: byId("runs-accuracy-chart") }, {
    epochs: Math.max(1, a.epochs.length, b.epochs.length),
    log: byId("runs-log").checked,
    best: null,
    lines: [
      ofEpochs("a", a.epochs), ofEpochs("b", b.epochs),
      ofEpochs("a dotted", a.epochs, "val_"), ofEpochs("b dotted", b.epochs, "val_"),
    ],
  });
}

function scores(a, b, mcnemar) {
  const both = (name, value) => [name, ...[a, b].map((one) => (one?.test ? value(one) : "–"))];
  const rows = [
    both("test accuracy", ({ test }) => percent(test.accuracy, 2)),
    both("95 % interval", ({ test }) => test.interval.map((end) => percent(end, 2)).join(" to ")),
    both("test loss, bits", ({ test }) => fixed(test.loss_bits, 3)),
    both("generalisation gap", ({ gap }) => (gap === null ? "–" : `${fixed(gap * 100, 2)} points`)),
    both("calibration error", ({ test }) => `${fixed(test.calibration_error * 100, 2)} points`),
  ];
  if (mcnemar) rows.push(["wrong only here", String(mcnemar.only_a), String(mcnemar.only_b)]);
  return rows;
}
