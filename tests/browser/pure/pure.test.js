/* Tests of the studio's functions that need no page.
   `node --test` runs them; tests/browser/test_pure.py starts it. */

import assert from "node:assert/strict";
import { test } from "node:test";

const STATIC = "../../../src/mnistry/studio/static/pure";
const chart = await import(`${STATIC}/chart.js`);
const colours = await import(`${STATIC}/colours.js`);
const { toCsv } = await import(`${STATIC}/csv.js`);
const format = await import(`${STATIC}/format.js`);
const { Newest } = await import(`${STATIC}/newest.js`);
const node = await import(`${STATIC}/node.js`);
const numbers = await import(`${STATIC}/numbers.js`);
const { members, stages } = await import(`${STATIC}/stages.js`);
const { beside, done, nextOpen, queue, stepped } = await import(`${STATIC}/review.js`);
const { moved, nextPoint, snapped, turned, unturned } = await import(`${STATIC}/placing.js`);
const strokes = await import(`${STATIC}/strokes.js`);
const tables = await import(`${STATIC}/table.js`);
const training = await import(`${STATIC}/training.js`);

test("a pointer's place on the screen becomes a place in the pad's units", () => {
  const box = { left: 100, top: 50, width: 320, height: 240 };
  assert.deepEqual(strokes.toPad(260, 170, box), [320, 240]);
  assert.deepEqual(strokes.toPad(100, 50, box), [0, 0]);
});

test("the boxes of digits in the smaller picture are converted to the pad's units", () => {
  const reading = { text: "7", digits: [{ digit: 7, box: [10, 20, 30, 40] }] };
  assert.deepEqual(strokes.inPadUnits(reading).digits[0].box, [20, 40, 60, 80]);
  // A drawing that leans is read level; its digits' corners are where they were drawn.
  const quad = [[12, 20], [42, 22], [40, 62], [10, 60]];
  const leaning = { digits: [{ ...reading.digits[0], quad }] };
  assert.deepEqual(strokes.inPadUnits(leaning).digits[0].box, [20, 40, 64, 84]);
});

test("arrow keys move a point, and not out of the sheet", () => {
  assert.deepEqual(moved([0.5, 0.25], "ArrowRight", false), [0.51, 0.25]);
  assert.deepEqual(moved([0.5, 0.25], "ArrowUp", true), [0.5, 0.249]);
  assert.deepEqual(moved([0, 0.995], "ArrowDown", false), [0, 1]);
  assert.deepEqual(moved([0, 0.5], "ArrowLeft", false), [0, 0.5]);
});

test("drawing more changes no earlier drawing, so that undo can restore it", () => {
  const first = strokes.begin([], 20, [1, 2]);
  const second = strokes.extend(strokes.begin(first, 10, [5, 5]), [6, 6]);
  assert.deepEqual(first, [{ width: 20, points: [[1, 2]] }]);
  assert.deepEqual(second[1], { width: 10, points: [[5, 5], [6, 6]] });
  assert.equal(second[0], first[0]);
});

test("a smooth line goes from the first point to the last, through midpoints of segments", () => {
  const line = strokes.smooth([[0, 0], [10, 0], [10, 10], [20, 10]]);
  assert.deepEqual(line.start, [0, 0]);
  assert.deepEqual(line.curves, [[10, 0, 10, 5], [10, 10, 15, 10]]);
  assert.deepEqual(line.end, [20, 10]);
  assert.deepEqual(strokes.smooth([[3, 4]]), { start: [3, 4], curves: [], end: [3, 4] });
});

test("arrow keys move the pen, but never off the pad", () => {
  assert.deepEqual(strokes.moved([5, 5], "ArrowLeft", 10), [0, 5]);
  assert.deepEqual(strokes.moved([5, 5], "ArrowDown", 10), [5, 15]);
  assert.deepEqual(strokes.moved([640, 480], "ArrowRight", 10), [640, 480]);
  assert.equal(strokes.moved([5, 5], "a", 10), null);
});

const drawn = (...points) => points.map((some) => ({ width: 20, points: some }));

test("strokes are one digit unless one stands beside or below the others", () => {
  const one = [[100, 100], [100, 300]];
  assert.ok(strokes.isLone(drawn(one)));
  assert.ok(strokes.isLone(drawn([[100, 100], [60, 220], [200, 220]], [[170, 180], [160, 300]]))); // a 4
  assert.ok(!strokes.isLone(drawn(one, [[160, 100], [160, 300]]))); // 11
  assert.ok(!strokes.isLone(drawn([[140, 100], [100, 300]], [[170, 100], [130, 300]]))); // a slanted 11
  assert.ok(!strokes.isLone(drawn([[100, 100], [100, 160]], [[100, 240], [100, 300]]))); // two lines
  assert.ok(!strokes.isLone(drawn([[100, 100], [300, 110]]))); // a minus sign
  assert.ok(!strokes.isLone(drawn([[100, 100]]))); // a dot
});

test("of layers with one shape in a row the last is shown, of each network of an ensemble", () => {
  const layer = (name, kind, ...shape) => ({ name, kind, shape });
  const of = (n) => [
    layer(`${n}/channel`, "Reshape", 28, 28, 1), layer(`${n}/a`, "Conv", 12, 12, 32), layer(`${n}/b`, "Relu", 12, 12, 32),
    layer(`${n}/p`, "MaxPool", 6, 6, 32), layer(`${n}/f`, "Flatten", 1152), layer(`${n}/h`, "Gemm, Relu", 64), layer(`${n}/l`, "Gemm", 10),
  ];
  const layers = [...of(0), ...of(1), layer("mean", "Mean", 10)];
  assert.deepEqual(members(layers), ["0", "1"]);
  assert.deepEqual(stages(layers, "1").map(({ title, layer: { name } }) => [title, name]), [
    ["Convolution 1: 32 feature maps of 12×12", "1/b"], ["Pooling 1: 32 feature maps of 6×6", "1/p"], ["64 nodes", "1/h"],
  ]);
  assert.deepEqual(members([layer("hidden", "Dense, relu", 512)]), [""]);
});

test("weights are white at 0, red above, blue below, and in full colour from the limit on", () => {
  assert.deepEqual(colours.signed(0, 2), [255, 255, 255]);
  assert.deepEqual(colours.signed(9, 2), [178, 24, 43]);
  assert.deepEqual(colours.signed(-2, 2), [33, 102, 172]);
  assert.deepEqual(colours.signed(0, 0), [255, 255, 255]);
});

test("ink is black on white paper", () => {
  assert.deepEqual(colours.ink(0), [255, 255, 255]);
  assert.deepEqual(colours.ink(255), [0, 0, 0]);
});

test("contrast is 21 between black and white, and letters have at least 4.5 on every grey", () => {
  assert.equal(colours.contrast([0, 0, 0], [255, 255, 255]), 21);
  for (let value = 0; value < 256; value += 1) {
    const grey = colours.ink(value);
    const letters = colours.wantsBlack(grey) ? [0, 0, 0] : [255, 255, 255];
    assert.ok(colours.contrast(grey, letters) >= 4.5, `grey ${grey}`);
  }
});

test("a quantile is one of the values, which are sorted as numbers and not as text", () => {
  assert.equal(colours.quantile([10, 9, 2, 1], 0.5), 9);
  assert.equal(colours.quantile([10, 9, 2, 1], 1), 10);
});

test("a browser's colour is read with and without transparency and commas", () => {
  assert.deepEqual(colours.fromCss("rgb(0, 114, 178)"), [0, 114, 178]);
  assert.deepEqual(colours.fromCss("rgba(1, 2, 3, 0.5)"), [1, 2, 3]);
  assert.deepEqual(colours.fromCss("rgb(1 2 3 / 0.5)"), [1, 2, 3]);
});

const plain = (text) => text.replaceAll("\u00a0", " ");

test("only exactly 0 and 1 are written as 0 % and 100 %", () => {
  assert.equal(plain(format.percent(0.97964, 2)), "97.96 %");
  assert.equal(plain(format.percent(0.99999)), "> 99.9 %");
  assert.equal(plain(format.percent(0.00001)), "< 0.1 %");
  assert.equal(plain(format.percent(1)), "100.0 %");
  assert.equal(plain(format.percent(0)), "0.0 %");
});

test("negative numbers have a minus sign, and zero has none", () => {
  assert.equal(format.fixed(-1.234, 2), "−1.23");
  assert.equal(format.fixed(-0.001, 2), "0.00");
});

test("very small numbers are written as powers of ten", () => {
  assert.equal(format.tiny(7.12e-9), "7.1·10⁻⁹");
  assert.equal(format.tiny(0.00006), "0.0001");
  assert.equal(format.tiny(0), "0.0000");
});

test("bits, durations and counts are written as people say them", () => {
  assert.equal(plain(format.bits(Math.log2(10))), "3.32 bits");
  assert.equal(plain(format.bits(1)), "1.00 bit");
  assert.equal(plain(format.bits(0.0001)), "< 0.01 bits");
  assert.equal(plain(format.duration(59.6)), "1 min 0 s");
  assert.equal(plain(format.duration(7500)), "2 h 5 min");
  assert.equal(plain(format.duration(7199)), "2 h 0 min");
  assert.equal(format.plural(1, "digit"), "1 digit");
  assert.equal(format.plural(60000, "image"), "60,000 images");
});

test("CSV cells with commas, quotes or line breaks are quoted, and rows end with CR LF", () => {
  assert.equal(toCsv([["a,b", 'say "7"', null, 7]]), '"a,b","say ""7""",,7\r\n');
  assert.equal(toCsv([["two\nlines"]]), '"two\nlines"\r\n');
});

const image = Array.from({ length: 28 }, (_, row) => Array(28).fill(row));
const digit = (value, line) => ({ digit: value, line, image });
const number = (text, line, confidence = 0.9) => ({ text, line, confidence, box: [0, 0, 9, 9] });
const READING = {
  numbers: [number("-2.?", 0), number("7", 0), number("1/3", 1, 0.5)],
  digits: [digit(2, 0), digit(null, 0), digit(7, 0), digit(1, 1), digit(3, 1)],
};

test("each number of a line has its digits, whatever signs stand among them", () => {
  const found = numbers.numbersOf(READING);
  assert.deepEqual(found.map((one) => one.digits.map((each) => each.digit)), [[2, null], [7], [1, 3]]);
  assert.deepEqual(found.map(numbers.state), ["unsure", "sure", "sure"]);
});

test("a corrected number is a row of the table without a confidence, and one without a text is none", () => {
  let found = numbers.corrected(numbers.numbersOf(READING), 0, " -2.5 ");
  found = numbers.corrected(found, 1, "");
  assert.deepEqual(numbers.table([{ name: "=1.png", numbers: found }]), [
    ["file", "line", "number", "confidence", "corrected"],
    ["'=1.png", 1, "-2.5", null, 1],
    ["'=1.png", 2, "1/3", "0.5000", 0],
  ]);
  assert.equal(numbers.state(found[0]), "hand");
});

test("examples are the certain digits, and those of numbers corrected with as many digits", () => {
  const found = numbers.numbersOf(READING);
  const labels = (of) => numbers.examples(of).map(({ label }) => label);
  assert.deepEqual(labels(found), [2, 7, 1, 3]);
  assert.deepEqual(labels(numbers.corrected(found, 0, "-2.5")), [2, 5, 7, 1, 3]);
  assert.deepEqual(labels(numbers.corrected(found, 0, "-12.5")), [7, 1, 3]); // which digit is which?
  assert.equal(numbers.corrections(found), 0);
  assert.equal(numbers.corrections(numbers.corrected(found, 2, "4/5")), 2);
  assert.equal(numbers.corrections(numbers.corrected(found, 2, "?/5")), 1); // a "?" teaches nothing
  const [names, row] = numbers.asRows(numbers.examples(found));
  assert.deepEqual([names.length, names[784], row[0], row[29]], [785, "pixel783", 2, 1]);
});

test("a label stands right of its number, or where it covers neither a number nor another label", () => {
  const boxes = [[10, 10, 20, 10], [34, 10, 20, 10], [80, 10, 18, 10]];
  const labels = boxes.map(() => [10, 8]);
  assert.deepEqual(numbers.labelPlaces(boxes, labels, [100, 60], 2), [[10, 22], [56, 11], [68, 11]]);
  assert.deepEqual(numbers.labelPlaces([[0, 0, 20, 10]], [[10, 8]], [20, 10], 2), [null]);
});

test("each pixel adds its weight times its value over 255, and the total is their sum", () => {
  const parts = node.terms([[0.5, -1]], [[255, 51]]);
  assert.deepEqual(parts, [[0.5, -0.2]]);
  assert.ok(Math.abs(node.total(parts) - 0.3) < 1e-12);
});

test("the strongest nodes come first, and equally strong ones in their order", () => {
  assert.deepEqual(node.strongest([1, 5, 5, 0], 3), [1, 2, 0]);
});

test("512 nodes are a grid of 32 by 16, and keys never leave it", () => {
  assert.deepEqual(node.grid(512), { columns: 32, rows: 16 });
  assert.deepEqual(node.grid(10), { columns: 4, rows: 3 });
  assert.equal(node.neighbour(0, "ArrowDown", 512), 32);
  assert.equal(node.neighbour(0, "ArrowUp", 512), 0);
  assert.equal(node.neighbour(511, "ArrowRight", 512), 511);
  assert.equal(node.neighbour(7, "End", 512), 511);
  assert.equal(node.neighbour(7, "a", 512), null);
});

test("a channel of feature maps is every n-th value, where n is the number of channels", () => {
  const values = [0, 10, 1, 11, 2, 12, 3, 13]; // 2 rows, 2 columns, 2 channels
  assert.deepEqual(node.channel(values, [2, 2, 2], 1), [[10, 11], [12, 13]]);
});

test("ticks are round numbers that enclose all values", () => {
  assert.deepEqual(chart.ticks(0, 0.44, 4), [0, 0.2, 0.4, 0.6]);
  assert.deepEqual(chart.ticks(0, 5, 5), [0, 1, 2, 3, 4, 5]);
  assert.deepEqual(chart.ticks(0.892, 1, 4), [0.85, 0.9, 0.95, 1]);
  assert.equal(chart.ticks(3, 3, 4)[0], 3);
});

test("logarithmic axes have round marks, and one for shares spreads those near 1", () => {
  assert.deepEqual(chart.AXES.log.marks(0.3, 2.4), [0.2, 0.5, 1, 2, 5]);
  assert.deepEqual(chart.AXES.log.marks(0.003, 2.4), [0.002, 0.01, 0.1, 1, 5]);
  assert.deepEqual(chart.AXES.right.marks(0.6, 0.97), [0.5, 0.8, 0.9, 0.95, 0.98]);
  const { place } = chart.AXES.right;
  assert.ok(Math.abs(place(0.99) - place(0.9) - (place(0.999) - place(0.99))) < 1e-9);
  assert.ok(Number.isFinite(place(1)) && Number.isFinite(chart.AXES.log.place(0)));
});

test("the axis of epochs ends at a round number, and at the last one", () => {
  assert.deepEqual([0, 5, 6, 120].map((done) => chart.horizon(done, 1000)), [5, 5, 10, 200]);
  assert.equal(chart.horizon(3, 4), 4);
});

test("a scale maps ends to ends, and a range of a single value to the start", () => {
  assert.equal(chart.scale([0, 10], [100, 0])(2.5), 75);
  assert.equal(chart.scale([4, 4], [0, 9])(4), 0);
});

test("null breaks the line of a path", () => {
  assert.equal(chart.path([[0, 1], [2, 3], null, [4, 5]]), "M0.0 1.0L2.0 3.0M4.0 5.0");
});

const moment = (epoch, step) => ({ epoch, epochs: 2, step, steps: 10, loss: 1, accuracy: 0.5 });

test("events that come again after a lost connection change nothing", () => {
  let state = training.started({ run: "r", epochs: 2 });
  state = training.after(state, "progress", moment(1, 5));
  state = training.after(state, "progress", moment(1, 10));
  state = training.after(state, "epoch", { epoch: 1, loss: 0.5 });
  const again = ["progress", "epoch"].reduce(
    (now, kind) => training.after(now, kind, kind === "epoch" ? { epoch: 1 } : moment(1, 5)),
    state,
  );
  assert.equal(again, state);
  assert.deepEqual(state.points.map((point) => point.x), [0.5, 1]);
});

test("the line of a training is the mean over its last steps, whatever epoch they are in", () => {
  // Losses: 4 in the first quarter of epoch 1, then 2; 1 in the first half of epoch 2.
  const points = [[0.25, 1, 4], [1, 1, 2.5], [1.5, 2, 1]].map(([x, epoch, loss]) => ({ x, epoch, loss }));
  assert.deepEqual(training.curve(points, "loss"), [[0.125, 4], [0.625, 2], [1.25, 1]]);
  // Over a fifth of the steps that are done, where there are points for it.
  const many = Array.from({ length: 10 }, (_, i) => ({ x: (i + 1) / 10, epoch: 1, loss: 1 }));
  const [x, loss] = training.curve(many, "loss").at(-1);
  assert.ok(Math.abs(x - 0.9) < 1e-9 && Math.abs(loss - 1) < 1e-9);
});

test("a network overfits when validation loss has risen for two epochs and the training loss fell", () => {
  const epochs = (losses) => losses.map(([loss, val_loss], i) => ({ epoch: i + 1, loss, val_loss }));
  const found = training.overfitting(epochs([[0.5, 0.4], [0.3, 0.3], [0.2, 0.31], [0.1, 0.33]]));
  assert.deepEqual([found.best.epoch, found.last.epoch], [2, 4]);
  assert.equal(training.overfitting(epochs([[0.5, 0.4], [0.3, 0.3], [0.2, 0.31]])), null);
  assert.equal(training.overfitting(epochs([[0.5, 0.4], [0.3, 0.3], [0.4, 0.31], [0.4, 0.33]])), null);
  assert.equal(training.overfitting([{ epoch: 1, loss: 0.5, val_loss: null }]), null);
});

test("the end of a training says how it ended", () => {
  const state = training.started({ run: "r", epochs: 2 });
  assert.equal(training.after(state, "done", { run: "r", status: "interrupted" }).outcome.kind, "interrupted");
  assert.equal(training.after(state, "failed", { error: { what: "x" } }).outcome.error.what, "x");
});

const rest = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

test("questions are asked one at a time, and of those that wait only the newest", async () => {
  const asked = [];
  const shown = [];
  let under_way = 0;
  const newest = new Newest(
    async (question) => {
      asked.push(question);
      under_way += 1;
      assert.equal(under_way, 1);
      await rest(20);
      under_way -= 1;
      return question;
    },
    (answer) => shown.push(answer),
    assert.fail,
  );
  newest.want(1);
  await rest(5);
  for (const question of [2, 3, 4]) newest.want(question);
  for (let waited = 0; shown.length < 2 && waited < 10000; waited += 20) await rest(20);
  assert.deepEqual(asked, [1, 4]);
  assert.deepEqual(shown, [1, 4]);
});

test("the answer to a forgotten question is not shown, and an error is reported", async () => {
  const shown = [];
  const failed = [];
  const ask = async (question) => {
    await rest(10);
    if (question === "bad") throw new Error("no");
    return question;
  };
  const newest = new Newest(ask, (answer) => shown.push(answer), (error) => failed.push(error.message));
  newest.want("old");
  await rest(5);
  newest.forget();
  newest.want("bad");
  await rest(50);
  assert.deepEqual(shown, []);
  assert.deepEqual(failed, ["no"]);
});

test("a corrected cell changes no other, and tables are parted by an empty row", () => {
  const cell = (text) => ({ text, box: [0, 0, 9, 9] });
  const read = [{ rows: [[cell("1"), cell("?")]] }, { rows: [[cell("")], [cell("2")]] }];
  assert.deepEqual(tables.summary(read), { cells: 4, unclear: 1 });
  const corrected = tables.withCell(read, 0, 0, 1, "7");
  assert.deepEqual(tables.lines(corrected), [["1", "7"], [""], [""], ["2"]]);
  assert.deepEqual(tables.lines(read), [["1", "?"], [""], [""], ["2"]]);
  assert.deepEqual(tables.summary(corrected).unclear, 0);
});

test("no cell becomes a formula, and none is divided by a tab", () => {
  const shown = ["-1", "+1.5", "-1+2", "=A1", "@x", "1\t2", "12"].map(tables.safe);
  assert.deepEqual(shown, ["-1", "+1.5", "'-1+2", "'=A1", "'@x", "1 2", "12"]);
});

test("a review goes to the next open field, and from the last one to the first", () => {
  const fields = queue(["a", "b", "c"]);
  const decided = stepped({ ...fields, at: 1 }, { added: [], removed: ["b"] });
  assert.equal(nextOpen(decided), 2);
  assert.equal(nextOpen({ ...decided, at: 2 }), 0);
  assert.equal(done(decided), 1);
  assert.equal(nextOpen(stepped(decided, { added: [], removed: ["a", "c"] })), -1);
});

test("fields that a decision brings up come next, and one that was taken back is open again", () => {
  const fields = stepped(queue(["a", "b"]), { added: ["x", "y"], removed: ["a"] });
  assert.deepEqual(fields.names, ["a", "x", "y", "b"]);
  const back = stepped(fields, { added: ["a"], removed: [] });
  assert.deepEqual(back.names, ["a", "x", "y", "b"]);
  assert.equal(done(back), 0);
});

test("a point of a scan is found again however the scan is turned", () => {
  assert.deepEqual(turned([0, 0.25], 1), [0.75, 0]); // the upper left corner goes to the upper right
  for (const quarters of [0, 1, 2, 3]) {
    assert.deepEqual(unturned(turned([0.25, 0.5], quarters), quarters), [0.25, 0.5]);
  }
});

test("a click near a corner of the form means the corner", () => {
  const corners = [[10, 10], [20, 10]];
  assert.deepEqual(snapped([18, 11], corners, 6), [20, 10]);
  assert.deepEqual(snapped([18, 30], corners, 6), [18, 30]);
});

test("the next point is one that is not shown yet", () => {
  assert.equal(nextPoint([null, [0, 0], null, null], 1), 2);
  assert.equal(nextPoint([null, [0, 0], [0, 0], [0, 0]], 3), 0);
  assert.equal(nextPoint([[0, 0], [0, 0]], 0), -1);
});

test("arrows end at the first and the last field", () => {
  const fields = queue(["a", "b"]);
  assert.equal(beside(fields, -1), 0);
  assert.equal(beside({ ...fields, at: 1 }, 1), 1);
});
