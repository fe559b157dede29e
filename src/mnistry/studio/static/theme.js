/* Light or dark before the first pixel is painted: as chosen, else as the system has it. */

"use strict";

const kept = (() => {
  try {
    return localStorage.getItem("theme");
  } catch {
    return null; // a browser that keeps nothing
  }
})();
if (kept) document.documentElement.dataset.theme = kept;
