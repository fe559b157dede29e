/* What can be done with a run, on every page: buttons, and a field for its name. */

import * as api from "./api.js";
import { element } from "./dom.js";
import { session } from "./session.js";
import * as data from "./views/data.js";
import * as inside from "./views/inside.js";

/** Choose a run's network for all pages; null is the one that the studio started with. */
export async function use(studio, name) {
  await api.tell("PUT", "network", { run: name });
  await studio.refresh();
  inside.networkChanged();
  data.networkChanged();
  await session.useNetwork();
  session.readAgain();
}

/** Delete a run; resolves to the others. */
export function remove(name) {
  return api.ask(`runs/${encodeURIComponent(name)}`, { method: "DELETE" });
}

/** The elements for a run.
    @param {{draw, look, compare, goOn: (how) => Promise, remove: () => Promise, renamed: (run) => void}} handlers
    @param {{report: (error) => void, calm: () => void}} studio shows an error, and takes it away */
export function actions(run, handlers, studio) {
  const button = (text, act) => {
    const made = element("button", { type: "button" }, text);
    made.addEventListener("click", async () => {
      made.disabled = true;
      studio.calm();
      try {
        await act();
      } catch (error) {
        studio.report(error);
      }
      made.disabled = false;
    });
    return made;
  };
  const made = [];
  if (run.status === "done") {
    made.push(button("Draw with it", handlers.draw), button("Look inside", handlers.look), button("Compare", handlers.compare));
  } else if (run.status !== "diverged") {
    made.push(button("Resume", () => handlers.goOn("resume")), button("Use as it is", () => handlers.goOn("finish")));
  }
  return [...made, nameField(run, handlers.renamed, studio), deletion(run, handlers.remove, button)];
}

function nameField(run, renamed, studio) {
  const input = element("input", { type: "text", value: run.name, maxLength: 100, spellcheck: false, autocomplete: "off" });
  input.addEventListener("change", async () => {
    studio.calm();
    try {
      const name = input.value.trim();
      if (name !== run.name) renamed(await api.tell("PATCH", `runs/${encodeURIComponent(run.name)}`, { name }));
    } catch (error) {
      input.value = run.name;
      studio.report(error);
    }
  });
  return element("label", {}, "Name ", input);
}

/** A button that must be pressed twice. */
function deletion(run, remove, button) {
  const place = element("span", { className: "choice" });
  const ask = button("Delete", async () => {
    const yes = button(`Delete ${run.name} for good`, remove);
    const no = button("Keep it", async () => place.replaceChildren(ask));
    place.replaceChildren(yes, no);
    no.focus();
  });
  place.append(ask);
  return place;
}
