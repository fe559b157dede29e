/* Send only the newest of many requests: one at a time, and no old answer after a newer one. */

export class Newest {
  /** @param {(question) => Promise} ask
      @param {(answer, question) => void} show
      @param {(error) => void} fail
      @param {number} pause  milliseconds without a newer question before one is sent */
  constructor(ask, show, fail, pause = 0) {
    Object.assign(this, { ask, show, fail, pause });
    this.waiting = undefined;
    this.timer = null;
    this.busy = false;
    this.round = 0;
  }

  /** Ask after the pause, when the previous answer has come. */
  want(question, pause = this.pause) {
    this.waiting = question;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.#next(), pause);
  }

  /** Drop the waiting question, and any answer still to come. */
  forget() {
    clearTimeout(this.timer);
    this.waiting = undefined;
    this.round += 1;
  }

  async #next() {
    if (this.busy || this.waiting === undefined) return;
    const [question, round] = [this.waiting, this.round];
    this.waiting = undefined;
    this.busy = true;
    let give;
    try {
      const answer = await this.ask(question);
      give = () => this.show(answer, question);
    } catch (error) {
      give = () => this.fail(error);
    }
    this.busy = false;
    if (round === this.round) give();
    this.#next();
  }
}
