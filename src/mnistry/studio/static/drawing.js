/* A drawing of strokes that can be undone. Its listeners are told "drawn". */

import * as strokes from "./pure/strokes.js";

export class Drawing extends EventTarget {
  strokes = [];
  past = []; // the strokes before each change, for undo
  open = false; // whether the last stroke can be extended
  reading = null; // what was read in it, with boxes in pad units
  chosen = 0; // which of its digits is shown

  begin(width, point) {
    this.past = [...this.past, this.strokes];
    this.open = true;
    this.change(strokes.begin(this.strokes, width, point));
  }

  extend(point) {
    if (!this.open) return; // it was undone or cleared while it was drawn
    this.change(strokes.extend(this.strokes, point));
  }

  undo() {
    if (!this.past.length) return;
    const before = this.past[this.past.length - 1];
    this.past = this.past.slice(0, -1);
    this.open = false;
    this.change(before);
  }

  clear() {
    if (!this.strokes.length) return;
    this.past = [...this.past, this.strokes];
    this.open = false;
    this.change([]);
  }

  /** Called at every change. */
  change(now) {
    this.strokes = now;
    this.tell("drawn");
  }

  tell(kind, detail) {
    this.dispatchEvent(new CustomEvent(kind, { detail }));
  }
}
