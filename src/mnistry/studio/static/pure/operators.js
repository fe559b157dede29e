/* The operators of mnistry's networks, as ONNX defines them, for one image.
   A value is {shape, data}: the shape without the axis of images, the numbers row by row. Dense
   kernels have a row for each node; ONNX's have a column. Knows nothing of networks. */

const size = (shape) => shape.reduce((product, side) => product * side, 1);

function each(value, change) {
  return { shape: value.shape, data: value.data.map(change) };
}

/** Combine values number by number; one that is a single number is used for all. */
function together(values, combine) {
  return values.reduce((one, other) => {
    const [large, small] = one.data.length >= other.data.length ? [one, other] : [other, one];
    const step = small.data.length === 1 ? 0 : 1;
    return { shape: large.shape, data: large.data.map((value, i) => combine(value, small.data[i * step])) };
  });
}

/** Sums of products of rows: sums[row, place] = bias[row] + kernel[row] · inputs[place].
    Inputs of 0, such as paper and nodes that do not fire, are left out, and each other input is read
    once for eight rows. With fewer rows than eight, the sums of rows that do not exist fall outside of
    the array, which does not store them. */
function products(kernel, inputs, length, bias) {
  const [rows, places] = [kernel.length / length, inputs.length / length];
  const sums = new Float32Array(rows * places);
  const numbers = new Int32Array(length); // the indices of the inputs that are not 0
  const values = new Float64Array(length); // these inputs
  for (let place = 0; place < places; place += 1) {
    let count = 0;
    for (let i = 0; i < length; i += 1) {
      const value = inputs[place * length + i];
      if (value !== 0) {
        numbers[count] = i;
        values[count] = value;
        count += 1;
      }
    }
    for (let r = 0; r < rows; r += 8) {
      const row = Math.max(0, Math.min(r, rows - 8)); // the last block may overlap the one before
      let [a, b, c, d] = [0, 0, 0, 0];
      let [e, f, g, h] = [0, 0, 0, 0];
      for (let i = 0; i < count; i += 1) {
        const at = row * length + numbers[i];
        const value = values[i];
        a += kernel[at] * value;
        b += kernel[at + length] * value;
        c += kernel[at + 2 * length] * value;
        d += kernel[at + 3 * length] * value;
        e += kernel[at + 4 * length] * value;
        f += kernel[at + 5 * length] * value;
        g += kernel[at + 6 * length] * value;
        h += kernel[at + 7 * length] * value;
      }
      const to = row * places + place;
      sums[to] = a;
      sums[to + places] = b;
      sums[to + 2 * places] = c;
      sums[to + 3 * places] = d;
      sums[to + 4 * places] = e;
      sums[to + 5 * places] = f;
      sums[to + 6 * places] = g;
      sums[to + 7 * places] = h;
    }
  }
  return bias ? sums.map((sum, i) => sum + bias[Math.floor(i / places)]) : sums;
}

/** Where windows lie: their size, steps and borders, and how many fit into [channels, height, width]. */
function windows([channels, height, width], [down, across], { strides = [1, 1], pads = [0, 0, 0, 0] }) {
  const rows = Math.floor((height + pads[0] + pads[2] - down) / strides[0]) + 1;
  const columns = Math.floor((width + pads[1] + pads[3] - across) / strides[1]) + 1;
  return { channels, height, width, down, across, strides, pads, rows, columns };
}

/** Call `use(window, channel, number in the window, place in the image)` for all that is inside the image. */
function walk({ channels, height, width, down, across, strides, pads, rows, columns }, use) {
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      for (let channel = 0; channel < channels; channel += 1) {
        for (let i = 0; i < down; i += 1) {
          const y = row * strides[0] + i - pads[0];
          if (y < 0 || y >= height) continue;
          for (let j = 0; j < across; j += 1) {
            const x = column * strides[1] + j - pads[1];
            if (x < 0 || x >= width) continue;
            use(row * columns + column, channel, i * across + j, (channel * height + y) * width + x);
          }
        }
      }
    }
  }
}

function convolve([value, kernel, bias], settings) {
  const [filters, channels, down, across] = kernel.shape;
  const area = down * across;
  const length = channels * area;
  const places = windows(value.shape, [down, across], settings);
  const { rows, columns } = places;
  const patches = new Float32Array(rows * columns * length);
  walk(places, (place, channel, number, from) => {
    patches[place * length + channel * area + number] = value.data[from];
  });
  return { shape: [filters, rows, columns], data: products(kernel.data, patches, length, bias?.data) };
}

/** Pool: join(result so far, number) takes in each number of a window; finish(result, count) ends it. */
function pool([value], settings, start, join, finish = (result) => result) {
  const places = windows(value.shape, settings.kernel_shape, settings);
  const { channels, rows, columns } = places;
  const data = new Float32Array(channels * rows * columns).fill(start);
  const counts = new Uint16Array(data.length);
  walk(places, (place, channel, _number, from) => {
    const to = channel * rows * columns + place;
    data[to] = join(data[to], value.data[from]);
    counts[to] += 1;
  });
  return { shape: [channels, rows, columns], data: data.map((result, i) => finish(result, counts[i])) };
}

function normalize([value, scale, shift, mean, variance], { epsilon = 1e-5 }) {
  const area = value.data.length / scale.data.length; // numbers of one channel
  const data = new Float32Array(value.data.length);
  scale.data.forEach((one, channel) => {
    const factor = one / Math.sqrt(variance.data[channel] + epsilon);
    for (let i = channel * area; i < (channel + 1) * area; i += 1) {
      data[i] = (value.data[i] - mean.data[channel]) * factor + shift.data[channel];
    }
  });
  return { shape: value.shape, data };
}

function transpose([{ shape, data }], { perm }) {
  const order = perm.slice(1).map((axis) => axis - 1);
  const steps = shape.map((_, axis) => size(shape.slice(axis + 1)));
  const sides = order.map((axis) => shape[axis]);
  const moved = new Float32Array(data.length);
  moved.forEach((_, to) => {
    let [from, rest] = [0, to];
    for (let axis = sides.length - 1; axis >= 0; axis -= 1) {
      from += (rest % sides[axis]) * steps[order[axis]];
      rest = Math.floor(rest / sides[axis]);
    }
    moved[to] = data[from];
  });
  return { shape: sides, data: moved };
}

/** The probabilities of logits; the largest logit is subtracted, so that no power is too large. */
export function softmax(logits) {
  const largest = Math.max(...logits);
  const powers = Float64Array.from(logits, (value) => Math.exp(value - largest));
  const sum = powers.reduce((all, value) => all + value, 0);
  return powers.map((value) => value / sum);
}

/** Logarithms of sums of exponentials over the first axis. */
function sumInLogs([{ shape, data }]) {
  const columns = size(shape.slice(1));
  const found = new Float32Array(columns);
  found.forEach((_, column) => {
    const values = Array.from({ length: shape[0] }, (_, row) => data[row * columns + column]);
    const largest = Math.max(...values);
    found[column] = largest + Math.log(values.reduce((sum, value) => sum + Math.exp(value - largest), 0));
  });
  return { shape: shape.slice(1), data: found };
}

const flat = (value) => ({ shape: [value.data.length], data: value.data });
const add = (values) => together(values, (a, b) => a + b);

/** Each takes its inputs and its settings, and returns a value. */
export const OPERATORS = {
  Add: add,
  AveragePool: (values, settings) => pool(values, settings, 0, (a, b) => a + b, (sum, count) => sum / count),
  BatchNormalization: normalize,
  Cast: ([value]) => value,
  Concat: (values) => flat({ data: Float32Array.from(values.flatMap(({ data }) => [...data])) }),
  Conv: convolve,
  Elu: ([value], { alpha = 1 }) => each(value, (x) => (x > 0 ? x : alpha * Math.expm1(x))),
  Flatten: ([value]) => flat(value),
  Gather: ([value, places]) => ({ shape: places.shape, data: places.data.map((at) => value.data[at]) }),
  Gemm: ([value, kernel, bias]) => {
    const [nodes, inputs] = kernel.shape;
    return { shape: [nodes], data: products(kernel.data, value.data, inputs, bias?.data) };
  },
  GlobalAveragePool: (values) => {
    const kernel_shape = values[0].shape.slice(1);
    return OPERATORS.AveragePool(values, { kernel_shape });
  },
  MaxPool: (values, settings) => pool(values, settings, -Infinity, Math.max),
  Mean: (values) => each(add(values), (sum) => sum / values.length),
  Mul: (values) => together(values, (a, b) => a * b),
  ReduceLogSumExp: sumInLogs,
  Relu: ([value]) => each(value, (x) => Math.max(x, 0)),
  Reshape: ([value, sides]) => ({ shape: [...sides.data].slice(1), data: value.data }),
  Sigmoid: ([value]) => each(value, (x) => 1 / (1 + Math.exp(-x))),
  Softmax: ([value]) => ({ shape: value.shape, data: Float32Array.from(softmax(value.data)) }),
  Sum: add,
  Tanh: ([value]) => each(value, Math.tanh),
  Transpose: transpose,
};
