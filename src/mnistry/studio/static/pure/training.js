/* A training's state, from its events. Each function returns a new state. */

/** The state before the first event.
    @param {object} training  the answer of POST /api/train, or the status's */
export function started(training) {
  return { run: training.run, epochs: training.epochs, points: [], finished: [], now: null, outcome: null };
}

/** The state after an event; an event seen before, as after a lost connection, changes nothing. */
export function after(state, kind, data) {
  if (kind === "progress") return progressed(state, data);
  if (kind === "epoch") {
    const known = state.finished.some((epoch) => epoch.epoch === data.epoch);
    return known ? state : { ...state, finished: [...state.finished, data] };
  }
  if (kind === "done") return { ...state, run: data.run, outcome: { kind: data.status ?? "done" } };
  if (kind === "failed") return { ...state, outcome: { kind: "failed", error: data.error } };
  return state;
}

function progressed(state, data) {
  const x = place(data);
  const last = state.points[state.points.length - 1];
  if (last && x <= last.x) return state;
  const point = { x, epoch: data.epoch, loss: data.loss, accuracy: data.accuracy };
  return { ...state, epochs: data.epochs, now: data, points: [...state.points, point] };
}

/** Epochs done, as a number with a fraction. */
export function place({ epoch, step, steps }) {
  return epoch - 1 + step / steps;
}

const SHARE = 0.2; // the line of the training is a mean over this share of the steps done, the last ones
const MOST = 0.5; // the most epochs that this mean covers

/** The training's line: means over the last steps, more of them the more are done.
    @param {{x, epoch, loss, accuracy}[]} points  running means since each epoch's beginning
    @returns {[number, number][]}  epochs done, in the middle of those steps, and the mean */
export function curve(points, name) {
  // Up to each x, the sum of the training so far: of each epoch, its running mean times the part of it that is done.
  const sums = [{ x: 0, sum: 0 }];
  let before = { x: 0, sum: 0 };
  points.forEach(({ x, epoch, [name]: mean }, i) => {
    const last = sums[sums.length - 1];
    if (i === 0 || points[i - 1].epoch !== epoch) before = i === 0 ? { x: epoch - 1, sum: 0 } : last;
    if (i === 0) sums[0] = before; // a training that was resumed begins in a later epoch
    sums.push({ x, sum: before.sum + mean * (x - before.x) });
  });
  let from = 0;
  return sums.slice(1).map(({ x, sum }, i) => {
    const begin = x - Math.min(SHARE * (x - sums[0].x), MOST);
    while (from < i && sums[from + 1].x <= begin) from += 1;
    return [(x + sums[from].x) / 2, (sum - sums[from].sum) / (x - sums[from].x)];
  });
}

/** Whether the network overfits: {best, last}, the epoch with the lowest validation loss and the last epoch, if the
    validation loss was higher in two epochs or more since, and the training loss is lower than then; else null. */
export function overfitting(finished) {
  const epochs = finished.filter(({ val_loss: loss }) => typeof loss === "number");
  if (!epochs.length) return null;
  const best = epochs.reduce((least, epoch) => (epoch.val_loss < least.val_loss ? epoch : least));
  const [before, last] = epochs.slice(-2);
  const rises = last && last.epoch >= best.epoch + 2 && Math.min(before.val_loss, last.val_loss) > best.val_loss;
  return rises && last.loss < best.loss ? { best, last } : null;
}
