/* State shared by the views: the drawing, its reading, and the image shown in Inside. */

import * as api from "./api.js";
import { Drawing } from "./drawing.js";
import { Newest } from "./pure/newest.js";
import { opened, read } from "./pure/one_digit.js";
import * as strokes from "./pure/strokes.js";
import { ink, raster } from "./raster.js";

const PAUSE = 15; // milliseconds after the last point before the drawing is read

class Session extends Drawing {
  truth = null;
  test = null; // an image of the dataset to show instead of the drawing

  #local = null; // {network, threshold}: reads one digit in the page

  #reader = new Newest(
    async (drawing) => strokes.inPadUnits(this.#alone(drawing) ?? (await api.ask("read?fields=all", api.picture(await raster(drawing))))),
    (reading) => this.#read(reading),
    (error) => this.tell("trouble", error),
    PAUSE,
  );

  /** Read one digit in the page from now on, with the network in use; what cannot be read so, the server reads. */
  async useNetwork() {
    this.#local = null;
    const found = await api.ask("network/javascript");
    const network = found && opened(found);
    this.#local = network && { network, threshold: found.threshold };
  }

  /** The reading of a drawing that is surely one digit, without the server; else null. */
  #alone(drawing) {
    if (!this.#local || !strokes.isLone(drawing)) return null;
    const { network, threshold } = this.#local;
    const { digit } = read(network, threshold, ink(drawing));
    return { lines: [digit.digit === null ? "?" : String(digit.digit)], digits: [digit] };
  }

  /** Read the drawing again, as after a change of network. */
  again() {
    if (this.strokes.length) this.#reader.want(this.strokes);
    else this.tell("subject");
  }

  /** Choose which of several digits is shown. */
  choose(index) {
    this.chosen = index;
    this.truth = null;
    this.test = null;
    this.tell("read");
    this.tell("subject");
  }

  /** Set the true value of the chosen digit; null unsets it. */
  label(digit) {
    this.truth = digit;
    this.tell("read");
    this.tell("subject");
  }

  /** Show an image of the dataset.
      @param {{image, label, name}} test */
  look(test) {
    this.test = test;
    this.tell("subject");
  }

  /** The chosen digit of the drawing, or null. */
  get digit() {
    return this.reading?.digits[this.chosen] ?? null;
  }

  /** The image that is shown: {image, label, name}, or null. */
  get subject() {
    if (this.test) return this.test;
    return this.digit && { image: this.digit.image, label: this.truth, name: "your drawing" };
  }

  change(now) {
    this.truth = null;
    this.test = null;
    super.change(now);
    if (now.length) {
      this.#reader.want(now);
    } else {
      this.#reader.forget();
      this.#read(null);
    }
  }

  #read(reading) {
    const before = this.reading?.digits.length ?? 0;
    const digits = reading?.digits.length ?? 0;
    this.reading = reading;
    // The digit written last is shown, until another is chosen.
    if (digits !== before || this.chosen >= digits) this.chosen = Math.max(0, digits - 1);
    this.tell("read");
    if (!this.test) this.tell("subject");
  }
}

export const session = new Session();
