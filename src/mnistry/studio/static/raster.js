/* Strokes as pixels: on the pad, and as a PNG for the network. */

import { PAD, PIXELS, smooth } from "./pure/strokes.js";

/** Trace strokes onto a canvas, in pad units. */
export function trace(context, strokes, colour) {
  context.strokeStyle = colour;
  context.fillStyle = colour;
  context.lineCap = "round";
  context.lineJoin = "round";
  for (const stroke of strokes) {
    const { start, curves, end } = smooth(stroke.points);
    context.beginPath();
    context.lineWidth = stroke.width;
    context.moveTo(...start);
    for (const curve of curves) context.quadraticCurveTo(...curve);
    context.lineTo(...end); // of a single point: with round ends, a dot
    context.stroke();
  }
}

/** The drawing as a PNG, black on white. */
export function raster(strokes) {
  const context = newContext();
  context.fillStyle = "#fff";
  context.fillRect(0, 0, PAD.width, PAD.height);
  trace(context, strokes, "#000");
  return new Promise((resolve) => context.canvas.toBlob(resolve, "image/png"));
}

/** The drawing's ink, 0 to 1 in each pixel: {width, height, data}. */
export function ink(strokes) {
  const context = newContext({ willReadFrequently: true });
  trace(context, strokes, "#000");
  const { width, height } = context.canvas;
  const { data } = context.getImageData(0, 0, width, height);
  const strengths = new Float32Array(width * height);
  for (let i = 0; i < strengths.length; i += 1) strengths[i] = data[4 * i + 3] / 255;
  return { width, height, data: strengths };
}

/** The context of a new canvas for the whole pad: drawn on in pad units, of which a pixel holds several. */
function newContext(settings) {
  const canvas = document.createElement("canvas");
  canvas.width = PAD.width * PIXELS;
  canvas.height = PAD.height * PIXELS;
  const context = canvas.getContext("2d", settings);
  context.scale(PIXELS, PIXELS);
  return context;
}
