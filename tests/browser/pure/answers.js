/* Answer images with a network as JavaScript computes it: JSON from stdin, JSON to stdout. */

import { readFileSync } from "node:fs";

const { load, run } = await import("../../../src/mnistry/studio/static/pure/network.js");
const { network, content, images } = JSON.parse(readFileSync(0, "utf8"));
const loaded = load(network, Buffer.from(content, "base64"));
const pixels = Buffer.from(images, "base64");
const answers = Array.from({ length: pixels.length / 784 }, (_, i) => {
  const values = run(loaded, pixels.subarray(784 * i, 784 * (i + 1)));
  return [...values.get("probabilities").data];
});
process.stdout.write(JSON.stringify(answers));
