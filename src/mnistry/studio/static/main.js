/* The studio: switches views, sets light or dark, and shows errors. */

import * as api from "./api.js";
import { byId } from "./dom.js";
import { count, plural } from "./pure/format.js";
import { session } from "./session.js";
import * as data from "./views/data.js";
import * as draw from "./views/draw.js";
import * as inside from "./views/inside.js";
import * as photo from "./views/photo.js";
import * as runs from "./views/runs.js";
import * as train from "./views/train.js";

const VIEWS = { draw, inside, photo, data, train, runs };

/** Passed to every view. */
const studio = {
  /** Show an error until it is closed or something else is shown. */
  report(error) {
    byId("trouble").querySelector("p").textContent = error.message;
    byId("trouble").hidden = false;
    if (!(error instanceof api.ApiError)) throw error; // a bug: report it on the console too
  },
  /** Take away an error that is shown: something new begins. */
  calm() {
    byId("trouble").hidden = true;
  },
  /** Go to a view by name. */
  go(name) {
    location.hash = name;
  },
  /** Resume a stopped training, or end it where it stands: "resume" or "finish". */
  goOn(name, how) {
    return train.goOn(name, how);
  },
  /** Compare a run with the one before it. */
  compare(name) {
    return runs.compareWith(name);
  },
  status: null,
  /** Ask the studio again which network is in use and whether it can train. */
  async refresh() {
    studio.status = await api.ask("status");
    const { version, network } = studio.status;
    byId("review").hidden = !studio.status.has_review;
    const nodes = network.units === null ? "" : `, ${count(network.units)} nodes in the first layer`;
    byId("footer").textContent =
      `mnistry ${version} · reading with ${network.name}: ${plural(network.layers.length, "layer")}${nodes}`;
    return studio.status;
  },
};

function show() {
  const name = location.hash.slice(1) in VIEWS ? location.hash.slice(1) : "draw";
  for (const view of Object.keys(VIEWS)) byId(`view-${view}`).hidden = view !== name;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#${name}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${name[0].toUpperCase()}${name.slice(1)} · mnistry studio`;
  studio.calm();
  VIEWS[name].shown?.();
}

function makeTheme() {
  const root = document.documentElement;
  const choice = byId("theme");
  choice.value = root.dataset.theme ?? "";
  choice.addEventListener("change", () => {
    if (choice.value) root.dataset.theme = choice.value;
    else delete root.dataset.theme;
    try {
      localStorage.setItem("theme", choice.value);
    } catch {
      // Without storage the choice still holds for this page.
    }
    session.dispatchEvent(new Event("drawn"));
    session.dispatchEvent(new Event("subject"));
  });
}

byId("trouble").querySelector("button").addEventListener("click", studio.calm);
session.addEventListener("trouble", (event) => studio.report(event.detail));
makeTheme();
for (const view of Object.values(VIEWS)) view.make(studio);
addEventListener("hashchange", () => {
  show();
  byId("main").focus({ preventScroll: true });
  scrollTo(0, 0);
});
show();
studio.refresh().then(() => {
  VIEWS.inside.networkChanged();
  // The layout of Inside follows the network: it is shown now, so that it does not change while somebody draws.
  if (!byId("view-inside").hidden) VIEWS.inside.shown();
  VIEWS.photo.statusKnown();
  return Promise.all([VIEWS.train.resume(), session.useNetwork()]);
}).catch(studio.report);
