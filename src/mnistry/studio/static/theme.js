/* Set light or dark before the first paint: as chosen, else the system's setting. */

"use strict";

const kept = (() => {
  try {
    return localStorage.getItem("theme");
  } catch {
    return null; // a browser without storage
  }
})();
if (kept) document.documentElement.dataset.theme = kept;
