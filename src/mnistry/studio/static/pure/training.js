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

/** The running means of one kind as points of a line; null breaks it where an epoch starts. */
export function curve(points, name) {
  return points.flatMap((point, i) => {
    const here = [point.x, point[name]];
    return i && points[i - 1].epoch !== point.epoch ? [null, here] : [here];
  });
}
