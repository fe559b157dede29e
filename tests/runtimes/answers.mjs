// Run an ONNX file in ONNX Runtime Web, as a browser does, and write what it gives.
//
// node answers.mjs MODULES MODEL.onnx IMAGES COUNT OUT: images of 28x28 bytes, 32-bit floats.

import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";

const [modules, model, images, count, out] = process.argv.slice(2);
const ort = createRequire(`${modules}/`)("onnxruntime-web");
ort.env.wasm.numThreads = 1;
const options = { executionProviders: ["wasm"] };
const session = await ort.InferenceSession.create(readFileSync(model), options);
const image = new ort.Tensor("uint8", readFileSync(images), [Number(count), 28, 28]);
const { probabilities } = await session.run({ image });
const { buffer, byteOffset, byteLength } = probabilities.data;
writeFileSync(out, new Uint8Array(buffer, byteOffset, byteLength));
