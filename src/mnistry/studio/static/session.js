/* State shared by the views: the drawing, its reading, and the image shown in Inside. */

import * as api from "./api.js";
import { Drawing } from "./drawing.js";
import { Newest } from "./pure/newest.js";
import { opened, read } from "./pure/one_digit.js";
import { digitText } from "./pure/reading.js";
import * as strokes from "./pure/strokes.js";
import { ink, raster } from "./raster.js";

const PAUSE = 15; // milliseconds from the last point until the drawing is sent to the server
// The same for a single stroke that is not yet a digit: it may be the bar that a 7 begins with.
const PAUSE_AFTER_PART = 300;

class Session extends Drawing {
  truth = null; // the true value of the chosen digit, if the user has said it
  test = null; // an image of the dataset to show instead of the drawing

  #local = null; // {network, threshold}: reads one digit in the page
  #isScheduled = false; // whether the page will read the drawing before the next frame

  #reader = new Newest(
    async (drawing) => strokes.inPadUnits(await api.ask("read?fields=all", api.picture(await raster(drawing)))),
    (reading) => this.#read(reading),
    (error) => this.tell("trouble", error),
    PAUSE,
  );

  /** From now on read single digits in the page, with the network in use; the server reads all else. */
  async useNetwork() {
    this.#local = null;
    const found = await api.ask("network/javascript");
    const network = found && opened(found);
    this.#local = network && { network, threshold: found.threshold };
  }

  /** Have the drawing read: in the page if it is surely one digit, else by the server. */
  #want() {
    if (this.#isLone()) {
      this.#reader.forget();
      if (!this.#isScheduled) requestAnimationFrame(() => this.#readInPage());
      this.#isScheduled = true;
    } else {
      this.#reader.want(this.strokes, this.#local && this.strokes.length === 1 ? PAUSE_AFTER_PART : PAUSE);
    }
  }

  #isLone() {
    return this.#local && this.strokes.length > 0 && strokes.isLone(this.strokes);
  }

  #readInPage() {
    this.#isScheduled = false;
    if (!this.#isLone()) return; // it has changed since
    const { network, threshold } = this.#local;
    const { digit } = read(network, threshold, ink(this.strokes));
    this.#read(strokes.inPadUnits({ lines: [digitText(digit)], digits: [digit] }));
  }

  /** Read the drawing again, as after a change of network. */
  readAgain() {
    if (this.strokes.length) this.#want();
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
  showTest(test) {
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
      this.#want();
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
