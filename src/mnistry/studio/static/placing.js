/* A page that was set aside: the person shows four of its points on the form and in the scan. */

import { byId, element } from "./dom.js";
import { moved, nextPoint, snapped, turned, unturned } from "./pure/placing.js";

const REACH = 6; // millimetres within which a click on the form means a corner
const POINTS = 4;

let view = null; // what the server says about the page
let page = null; // the page of the form
let onForm = []; // the four points, in millimetres
let inScan = []; // the same points in the scan, as shares of its width and height
let at = 0; // the point that is shown next
let quarters = 0; // the quarter turns by which the scan is turned clockwise
let isWarned = false; // the print was not found: Enter again keeps the placement

/** Show a page and its scan. */
export function show(found, scan) {
  view = found;
  quarters = 0;
  byId("page-where").textContent = view.where;
  const isSeen = scan.naturalWidth > 0;
  byId("page-why").textContent = isSeen ? view.why : `${view.why}; it cannot be shown`;
  byId("serial").value = "";
  byId("serial-choice").hidden = !view.has_serial;
  byId("page-choice").hidden = view.pages.length === 1;
  byId("page-number").replaceChildren(
    ...view.pages.map(({ number }) => element("option", { value: number }, `${number}`)),
  );
  for (const id of ["pointing", "sheets", "put", "turn"]) byId(id).hidden = !isSeen;
  byId("scan").replaceChildren(scan);
  choosePage();
}

function choosePage() {
  page = view.pages[byId("page-number").selectedIndex];
  const blank = element("img", { alt: `Page ${page.number} of the form, with its points` });
  blank.addEventListener("error", () => {
    blank.alt = "The form cannot be shown: is its template still there?";
  });
  blank.src = `api/review/blank.jpg?page=${page.number}`;
  byId("blank").replaceChildren(blank);
  onForm = [...page.points];
  inScan = Array(POINTS).fill(null);
  at = 0;
  draw();
}

/** Show the points, and say what is to be done. */
function draw() {
  isWarned = false;
  byId("page-asks").textContent = "";
  const isDone = inScan.every(Boolean);
  byId("points").replaceChildren(
    ...onForm.map((_, i) =>
      element(
        "button",
        { type: "button", "aria-pressed": i === at, onclick: () => choose(i) },
        inScan[i] ? `${i + 1} ✓` : `${i + 1}`,
      ),
    ),
  );
  byId("point-say").textContent = isDone
    ? "All four points are shown. Click again to correct the chosen one, or place the page."
    : `Click in the scan where point ${at + 1} of the form lies; or move it there with the arrow keys on its number (in small steps with Shift). If it cannot be seen there, first click on another point of the form.`;
  mark("blank", onForm.map(([x, y]) => [x / page.width, y / page.height]));
  mark("scan", inScan.map((point) => point && turned(point, quarters)));
}

function mark(id, points) {
  for (const old of byId(id).querySelectorAll(".point")) old.remove();
  points.forEach((point, i) => {
    if (!point) return;
    const className = i === at ? "point chosen" : "point";
    const dot = element("span", { className, "data-number": `${i + 1}` });
    [dot.style.left, dot.style.top] = point.map((share) => `${100 * share}%`);
    byId(id).append(dot);
  });
}

function choose(i) {
  at = i;
  draw();
  byId("points").children[i].focus();
}

/** Where a picture was clicked, as shares of its width and height; null beside it. */
function clicked(event, id) {
  const box = byId(id).querySelector("img").getBoundingClientRect();
  const shares = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  return shares.every((share) => share >= 0 && share <= 1) ? shares : null;
}

function clickForm(event) {
  const shares = clicked(event, "blank");
  if (!shares) return;
  const point = [shares[0] * page.width, shares[1] * page.height];
  onForm[at] = snapped(point, page.corners, REACH);
  inScan[at] = null;
  draw();
}

function clickScan(event) {
  const shares = clicked(event, "scan");
  if (!shares) return;
  inScan[at] = unturned(shares, quarters);
  const next = nextPoint(inScan, at);
  if (next >= 0) at = next;
  draw();
}

/** Move a point from where it lies, or is to be expected, with the arrow keys on its number. */
function moveWithKeys(event) {
  const i = [...byId("points").children].indexOf(event.target);
  if (i < 0 || !event.key.startsWith("Arrow")) return;
  event.preventDefault();
  event.stopPropagation(); // elsewhere these keys go to another page
  const [x, y] = onForm[i];
  const from = inScan[i] ? turned(inScan[i], quarters) : [x / page.width, y / page.height];
  inScan[i] = unturned(moved(from, event.key, event.shiftKey), quarters);
  choose(i);
}

async function turn() {
  const scan = element("img", { alt: byId("scan").querySelector("img").alt });
  quarters = (quarters + 1) % 4;
  scan.src = `api/review/scan.jpg?name=${encodeURIComponent(view.id)}&quarters=${quarters}`;
  await scan.decode();
  byId("scan").replaceChildren(scan);
  draw();
}

/** What the person says of the page, to be sent; null if something is missing or wrong, which is then shown. */
export function said() {
  const serial = byId("serial").value.trim();
  if (!inScan.every(Boolean)) {
    byId("page-asks").textContent = "All four points are needed.";
    return null;
  }
  if (serial && !/^[0-9]+$/.test(serial)) {
    byId("page-asks").textContent = "A serial number has digits alone.";
    return null;
  }
  return {
    name: view.id,
    page: page.number,
    serial: view.has_serial && serial ? Number(serial) : null,
    points: onForm.map((point, i) => [...point, ...inScan[i]]),
    insists: isWarned,
  };
}

/** What is sent if the person says that the page is none of the form's. */
export function saidForeign() {
  return { name: view.id, page: null };
}

/** Say why the page should be placed otherwise. */
export function warn(why) {
  isWarned = true;
  byId("page-asks").textContent = `${why[0].toUpperCase()}${why.slice(1)}. Correct the points; or press Enter again, and all fields of the page are to be checked.`;
}

/** Prepare the controls; `report` is given errors. */
export function make(report) {
  byId("blank").addEventListener("click", clickForm);
  byId("scan").addEventListener("click", clickScan);
  byId("points").addEventListener("keydown", moveWithKeys);
  byId("page-number").addEventListener("change", choosePage);
  byId("turn").addEventListener("click", () => turn().catch(report));
  byId("serial").addEventListener("input", () => {
    isWarned = false;
    byId("page-asks").textContent = "";
  });
}
