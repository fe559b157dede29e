/* Bring drawings to MNIST's form: {width, height, drawings} from stdin, rows of 784 to stdout. */

import { readFileSync } from "node:fs";

const { normalise } = await import("../../../src/mnistry/studio/static/pure/mnist_form.js");
const { width, height, drawings } = JSON.parse(readFileSync(0, "utf8"));
const bytes = Buffer.from(drawings, "base64");
const size = width * height;
const forms = Array.from({ length: bytes.length / size }, (_, i) => {
  const data = Float32Array.from(bytes.subarray(i * size, (i + 1) * size), (value) => value / 255);
  return [...normalise({ width, height, data })];
});
process.stdout.write(JSON.stringify(forms));
