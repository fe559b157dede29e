/* A row of buttons, one for each digit of the drawing, to choose which one is shown. */

import { element } from "./dom.js";
import { digitText } from "./pure/reading.js";
import { session } from "./session.js";

/** Keep a group of buttons in step with the session. */
export function makeChoice(group) {
  session.addEventListener("read", () => {
    const digits = session.reading?.digits ?? [];
    group.hidden = digits.length < 2;
    const focused = [...group.children].indexOf(document.activeElement);
    group.replaceChildren(...digits.map(button));
    if (focused >= 0) group.children[focused]?.focus();
  });
}

function button(digit, index) {
  const made = element("button", {
    type: "button",
    "aria-pressed": String(index === session.chosen),
    "aria-label": `Digit ${index + 1}, read as ${digitText(digit)}`,
  }, digitText(digit));
  made.addEventListener("click", () => session.choose(index));
  return made;
}
