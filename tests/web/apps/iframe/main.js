import { Model } from "/node_modules/bayes8/dist/index.js";
import { load, predict } from "/support/predict.js";

/** Predicts from values of another realm, whose classes differ from those of this page. */
async function run() {
  const { Blob, Response, URL, Uint8Array, createImageBitmap, document, fetch } = window.frames[0];
  const file = await fetch("/models/mnist-scnn.safetensors");
  const bytes = new Uint8Array(await file.arrayBuffer());
  const picture = await (await fetch("/models/pictures/sandal-8.png")).blob();
  const bitmap = await createImageBitmap(picture);
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
  const context = canvas.getContext("2d");
  context.drawImage(bitmap, 0, 0);
  const imageData = context.getImageData(0, 0, canvas.width, canvas.height);
  const gray = new Uint8Array(imageData.data.filter((_, index) => index % 4 === 0));
  const sources = [bytes, bytes.buffer, new Blob([bytes]), new Response(bytes), new URL(file.url)];
  const pictures = [picture, bitmap, canvas, imageData, gray];
  if ([...sources, ...pictures].some((value) => value instanceof Object)) throw new Error("not of another realm");

  const digests = new Set();
  for (const [index, source] of sources.entries()) digests.add(await load(Model, source, pictures[index]));
  return { ...(await predict(Model, bytes, imageData)), digests: [...digests] };
}

window.results = run();
