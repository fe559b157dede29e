/* The drawing pad: a canvas for pen, finger, mouse and keyboard. Several may show one drawing. */

import { digitText } from "./pure/reading.js";
import { PAD, moved, toPad } from "./pure/strokes.js";
import { trace } from "./raster.js";

const STEP = 10; // pad units an arrow key moves the pen; with Shift a fifth

/** Make a canvas a drawing pad.
    @param {Drawing} drawing  what is drawn on it
    @param {() => number} width  the pen's width in pad units */
export function makePad(canvas, drawing, width) {
  // `pen` is where the keyboard's pen is, `keys` whether it is shown, and `down` whether it draws; `pointer` is the
  // id of the pointer that began the last stroke.
  const pad = { canvas, drawing, pen: [PAD.width / 2, PAD.height / 2], down: false, keys: false, pointer: null };

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !event.isPrimary) return;
    canvas.setPointerCapture(event.pointerId);
    pad.keys = pad.down = false;
    pad.pointer = event.pointerId;
    drawing.begin(width(), place(canvas, event));
  });
  canvas.addEventListener("pointermove", (event) => {
    // A browser captures every finger. Only the pointer that began the last stroke draws: neither a second finger
    // nor a palm that rests beside the pen.
    if (event.pointerId !== pad.pointer || !canvas.hasPointerCapture(event.pointerId)) return;
    // A browser combines the movements of a quick pen between two frames.
    const all = event.getCoalescedEvents?.() ?? [];
    for (const one of all.length ? all : [event]) drawing.extend(place(canvas, one));
  });
  canvas.addEventListener("keydown", (event) => {
    if (press(pad, event, width)) event.preventDefault();
  });
  canvas.addEventListener("blur", () => {
    pad.keys = pad.down = false;
    draw(pad);
  });
  new ResizeObserver(() => draw(pad)).observe(canvas);
  for (const kind of ["drawn", "read"]) drawing.addEventListener(kind, () => draw(pad));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw(pad));
}

function place(canvas, event) {
  return toPad(event.clientX, event.clientY, canvas.getBoundingClientRect());
}

/** Handle a key on the pad; return whether it has a meaning. */
function press(pad, event, width) {
  if (event.key === "z" && (event.ctrlKey || event.metaKey)) pad.drawing.undo();
  else if (event.ctrlKey || event.metaKey || event.altKey) return false;
  else if (event.key === "Delete" || event.key === "Backspace") pad.drawing.clear();
  else if (event.key === " ") {
    pad.keys = true;
    pad.pointer = null;
    pad.down = !isDown(pad);
    if (pad.down) pad.drawing.begin(width(), pad.pen);
    else draw(pad);
  } else {
    const next = moved(pad.pen, event.key, event.shiftKey ? STEP / 5 : STEP);
    if (!next) return false;
    pad.keys = true;
    pad.pen = next;
    if (isDown(pad)) pad.drawing.extend(next);
    else draw(pad);
  }
  return true;
}

/** Whether the keyboard's pen is down, and its stroke was not undone or cleared. */
function isDown(pad) {
  return pad.down && pad.drawing.open;
}

function draw(pad) {
  const { canvas } = pad;
  const box = canvas.getBoundingClientRect();
  if (!box.width) return; // not on the screen
  canvas.width = Math.round(box.width * devicePixelRatio);
  canvas.height = Math.round((canvas.width * PAD.height) / PAD.width);
  const context = canvas.getContext("2d");
  const unit = canvas.width / PAD.width;
  context.scale(unit, unit);
  trace(context, pad.drawing.strokes, getComputedStyle(canvas).color);
  const style = getComputedStyle(canvas);
  const [accent, warning] = ["--pad-accent", "--pad-warning"].map((name) => style.getPropertyValue(name));
  const pixel = PAD.width / box.width;
  pad.drawing.reading?.digits.forEach((digit, index) => {
    const chosen = index === pad.drawing.chosen && pad.drawing.reading.digits.length > 1;
    frame(context, digit, digit.digit === null ? warning : accent, chosen, pixel);
  });
  if (pad.keys) cross(context, pad, accent, pixel);
}

/** Draw a box round a digit and its reading; `pixel` is a screen pixel in pad units. */
function frame(context, digit, colour, chosen, pixel) {
  const [x, y, width, height] = digit.box;
  const gap = 8 * pixel;
  context.strokeStyle = context.fillStyle = colour;
  context.lineWidth = (chosen ? 3 : 1.5) * pixel;
  context.setLineDash(digit.digit === null ? [6 * pixel, 4 * pixel] : []);
  context.strokeRect(x - gap, y - gap, width + 2 * gap, height + 2 * gap);
  context.setLineDash([]);
  context.font = `600 ${18 * pixel}px system-ui, sans-serif`;
  const above = y - 2 * gap > 18 * pixel;
  context.fillText(digitText(digit), x - gap, above ? y - 1.6 * gap : y + height + gap + 18 * pixel);
}

/** Draw the keyboard's pen: a disc when it is down, a circle when it is up. */
function cross(context, pad, colour, pixel) {
  const [x, y] = pad.pen;
  context.strokeStyle = context.fillStyle = colour;
  context.lineWidth = 2 * pixel;
  context.beginPath();
  context.arc(x, y, 9 * pixel, 0, 2 * Math.PI);
  if (isDown(pad)) context.fill();
  context.stroke();
}
