/* Learn from these: the network is taught the corrected digits' hand, and what that gained is shown. */

import * as api from "../api.js";
import { byId } from "../dom.js";
import { fixed, percent, plural } from "../pure/format.js";
import { use } from "../runs.js";

const LEAST = 3; // corrections
const MOST = 2000; // examples

let studio;
let examples;
let run = null;

/** @param {() => {label, image}[]} found  the digits that are known */
export function make(given, found) {
  studio = given;
  examples = found;
  byId("teach-start").addEventListener("click", start);
  byId("teach-use").addEventListener("click", async () => {
    try {
      await use(studio, run);
      byId("teach-said").textContent = `Pictures are read with ${run} from now on. Runs chooses another network.`;
      byId("teach-use").hidden = true;
    } catch (error) {
      studio.report(error);
    }
  });
}

/** Offer it once a few digits have been corrected. */
export function offer(corrections) {
  const first = byId("photo-teach").hidden;
  if (corrections < LEAST || !studio.status?.can_train) return;
  byId("photo-teach").hidden = false;
  if (first || !run) {
    byId("teach-said").textContent =
      `You have corrected ${plural(corrections, "digit")}. The network can learn this hand from the ` +
      `${plural(examples().length, "digit")} of these pictures that are known. It takes half a minute.`;
  }
}

function encoded(image) {
  return btoa(String.fromCharCode(...image.flat()));
}

async function start() {
  const known = examples().slice(0, MOST).map(({ label, image }) => ({ label, image: encoded(image) }));
  byId("teach-start").disabled = true;
  byId("teach-use").hidden = true;
  byId("teach-said").textContent = `Learning from ${plural(known.length, "digit")} …`;
  try {
    const lesson = await api.tell("POST", "teach", { examples: known });
    run = lesson.run;
    byId("teach-said").textContent = told(lesson);
    byId("teach-use").hidden = !run;
  } catch (error) {
    byId("teach-said").textContent = "Nothing was learned.";
    studio.report(error);
  }
  byId("teach-start").disabled = false;
}

function told({ run: name, reasons, data, before, after }) {
  const gained =
    `Read wrongly of these digits: ${before.wrong} of ${before.examples} before, ${after.wrong} after ` +
    `(each read by a network that was taught without it); their loss ${fixed(before.loss, 3)} before, ${fixed(after.loss, 3)} after. ` +
    `Test images of ${data} right: ${percent(before.test_accuracy, 2)} before, ${percent(after.test_accuracy, 2)} after.`;
  return name ? `${gained} The taught network is the run ${name}.` : `Not kept: ${reasons.join("; ")}. ${gained}`;
}
