/* A network: its operators in order, and its weights, which are stored in 8, 16 or 32 bits.
   mnistry.networks.javascript writes what is loaded here. Knows nothing of pages. */

import { OPERATORS } from "./operators.js";

/** Load a network.
    @param {{operators, weights}} description
    @param {Uint8Array} bytes  the numbers of all weights */
export function load({ operators, weights }, bytes) {
  const stored = weights.map(({ name, shape, ...rest }) => [name, { shape, data: numbers(rest, shape, bytes) }]);
  return { operators, weights: new Map(stored) };
}

/** Compute every operator's output for an image.
    @param {Uint8Array} image  784 pixels, 0 for paper to 255 for ink
    @returns {Map}  name -> {shape, data}; "probabilities" is the answer */
export function run({ operators, weights }, image) {
  const values = new Map([["image", { shape: [28, 28], data: Float32Array.from(image) }]]);
  for (const { operator, inputs, output, settings } of operators) {
    const given = inputs.map((name) => values.get(name) ?? weights.get(name));
    values.set(output, OPERATORS[operator](given, settings));
  }
  return values;
}

const STEPS = new Set(["Cast", "Flatten", "Reshape"]); // operators that may come before the first dense layer
const ACTIVATIONS = { Relu: "relu", Sigmoid: "sigmoid", Softmax: "softmax", Tanh: "tanh" };

/** The layers of a network that has dense ones alone, else null.
    @returns {{name, kernel, bias, sums, outputs, activation}[]}  `sums` and `outputs` are names of values of `run` */
export function denseLayers({ operators, weights }) {
  const layers = [];
  for (const { operator, inputs, output } of operators) {
    const last = layers.at(-1);
    if (operator === "Gemm") {
      const [kernel, bias] = inputs.slice(1).map((name) => weights.get(name));
      if (!bias) return null;
      layers.push({ name: output.split("/")[0], kernel, bias, sums: output, outputs: output, activation: "linear" });
    } else if (operator in ACTIVATIONS && last?.activation === "linear") {
      Object.assign(last, { outputs: output, activation: ACTIVATIONS[operator] });
    } else if (last || !STEPS.has(operator)) return null;
  }
  return layers;
}

function numbers({ type, at, values, scales }, shape, bytes) {
  if (type === "list") return Float32Array.from(values);
  const count = shape.reduce((product, side) => product * side, 1);
  const view = new DataView(bytes.buffer, bytes.byteOffset + at);
  const read = {
    float16: (i) => half(view.getUint16(2 * i, true)),
    float32: (i) => view.getFloat32(4 * i, true),
    int8: (i) => view.getInt8(i),
  }[type];
  const each = count / scales.length; // numbers with the same scale
  return Float32Array.from({ length: count }, (_, i) => read(i) * scales[Math.floor(i / each)]);
}

/** A number of 16 bits: a sign, five bits of the exponent, ten of the fraction (IEEE 754, binary16). */
export function half(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = (bits & 1023) / 1024;
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction) : 2 ** -14 * fraction);
}
