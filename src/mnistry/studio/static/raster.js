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
  const canvas = document.createElement("canvas");
  canvas.width = PAD.width * PIXELS;
  canvas.height = PAD.height * PIXELS;
  const context = canvas.getContext("2d");
  context.scale(PIXELS, PIXELS);
  context.fillStyle = "#fff";
  context.fillRect(0, 0, PAD.width, PAD.height);
  trace(context, strokes, "#000");
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}
