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

// The share of the steps done, and the most epochs, over which the line of the training is a mean.
const [SHARE, MOST] = [0.2, 0.5];

/** The training's line: means over the last steps, more of them the more are done.
    @param {{x, epoch, loss, accuracy}[]} points  running means since each epoch's beginning
    @returns {[number, number][]}  epochs done, in the middle of those steps, and the mean */
export function curve(points, name) {
  const sums = [{ x: 0, sum: 0 }]; // of the whole training so far: a running mean times its epoch's part
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

/** The epochs with both losses, and since when the network overfits: the epoch with the lowest
    validation loss, if that has risen for two epochs or more while the training loss fell; else null. */
export function overfitting(finished) {
  const epochs = finished.filter(({ val_loss: loss }) => typeof loss === "number");
  if (!epochs.length) return null;
  const best = epochs.reduce((least, epoch) => (epoch.val_loss < least.val_loss ? epoch : least));
  const [before, last] = epochs.slice(-2);
  const rises = last && last.epoch >= best.epoch + 2 && Math.min(before.val_loss, last.val_loss) > best.val_loss;
  return rises && last.loss < best.loss ? { best, last } : null;
}
