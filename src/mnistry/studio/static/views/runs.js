/* Runs: a list, a comparison of two of them, and a choice of the network in use. */

import * as api from "../api.js";
import { plot } from "../curves.js";
import { byId, element, row } from "../dom.js";
import { fixed, percent, plural } from "../pure/format.js";
import { session } from "../session.js";
import * as data from "./data.js";
import * as inside from "./inside.js";

const FIRST = "the network at the start";

let studio;
const compared = { a: null, b: null };
let round = 0;

export function make(given) {
  studio = given;
}

export async function shown() {
  try {
    const { runs, broken } = await api.ask("runs");
    showTable(runs, broken.length);
  } catch (error) {
    studio.report(error);
  }
}

function showTable(runs, broken) {
  const said = runs.length
    ? `${plural(runs.length, "run")}. Choose A and B to compare two runs. “use” chooses the network for all pages.`
    : "No runs yet: train a network first.";
  byId("runs-said").textContent = broken ? `${said} ${broken} more could not be read.` : said;
  const first = { name: null, chosen: !runs.some((run) => run.chosen) };
  byId("runs-table").replaceChildren(runRow(first), ...[...runs].reverse().map(runRow));
}

function runRow(run) {
  const cells = row(
    run.name === null
      ? [FIRST, "", "", "", "", ""]
      : [
          run.name,
          run.status,
          run.recipe,
          String(run.seed),
          run.test_accuracy === null ? "–" : percent(run.test_accuracy, 2),
          run.test_loss === null ? "–" : fixed(run.test_loss / Math.LN2, 3),
        ],
    { className: run.chosen ? "marked" : "" },
  );
  cells.append(pick("a", run), pick("b", run), use(run));
  return cells;
}

/** A radio button that makes a run A or B. */
function pick(side, run) {
  const cell = element("td");
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

function use(run) {
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
    await api.tell("PUT", "network", { run: name });
    await studio.refresh();
    inside.networkChanged();
    data.networkChanged();
    session.again();
    await shown();
  } catch (error) {
    studio.report(error);
  }
}

async function compare() {
  const { a, b } = compared;
  if (!a || !b || a === b) {
    byId("runs-compare").hidden = true;
    return;
  }
  round += 1;
  const mine = round;
  try {
    const answer = await api.ask(`runs/compare?${new URLSearchParams({ a, b })}`);
    if (mine === round) showComparison(answer);
  } catch (error) {
    if (mine === round) studio.report(error);
  }
}

function showComparison({ a, b, mcnemar }) {
  byId("runs-compare").hidden = false;
  byId("runs-name-a").textContent = `A: ${a.name}`;
  byId("runs-name-b").textContent = `B: ${b.name}`;
  byId("runs-verdict").textContent = mcnemar
    ? `McNemar’s test: ${mcnemar.verdict}.`
    : "They were not scored on the same test images, so McNemar’s test cannot compare them.";
  const epochs = Math.max(a.epochs.length, b.epochs.length);
  const of = (run, kind, name) => {
    const dots = run.epochs.map((epoch, i) => [i + 1, epoch[name]]);
    return { kind, points: dots, dots };
  };
  plot(byId("runs-loss-chart"), {
    title: "training loss, nats", unit: (value) => fixed(value, 2), epochs, best: 0, usual: 0.5,
    lines: [of(a, "a", "loss"), of(b, "b", "loss")],
  });
  plot(byId("runs-accuracy-chart"), {
    title: "training accuracy", unit: (value) => `${Number((value * 100).toFixed(1))} %`, epochs, best: 1, usual: 0.9,
    lines: [of(a, "a", "accuracy"), of(b, "b", "accuracy")],
  });
  byId("runs-scores").replaceChildren(...scores(a.scores, b.scores, mcnemar).map((cells) => row(cells)));
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
