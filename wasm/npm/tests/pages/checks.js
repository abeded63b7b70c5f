// Checks of the package in a page, however the page was built. Each returns a list of failures.
import { bits, isNative } from "../support/same.js";
import { simulate } from "../support/simulated.js";

const modelAddress = (name) => `/models/${name}.safetensors`;

async function bitmapOf(picture) {
  const response = await fetch(`/models/pictures/${picture}`);
  return createImageBitmap(await response.blob());
}

async function nativePredictions() {
  return (await fetch("/fixtures/native.json")).json();
}

async function differing(predictor, lines, { samples, seed }) {
  const bitmaps = await Promise.all(lines.map(({ picture }) => bitmapOf(picture)));
  const predictions = await predictor.predictBatch(bitmaps, { samples, seed, logits: true });
  return lines.filter((line, index) => !isNative(predictions[index], line)).map(({ model, picture }) => `${model} ${picture}`);
}

const linesOf = (native, name, pictures = 3) => native.predictions.filter((line) => line.model === name).slice(0, pictures);

/** Compares the predictions of one model on shipped pictures with the native command line. */
export async function model({ Model }, kernel, name) {
  const native = await nativePredictions();
  const model = await Model.load(modelAddress(name), { kernel });
  const wrong = await differing(model, linesOf(native, name), native);
  model.dispose();
  return wrong;
}

/** Compares the predictions of a pool with the native command line, and its stream with a model. */
export async function pool({ Model }, kernel, workers) {
  const native = await nativePredictions();
  const pool = await Model.pool(modelAddress("mnist-scnn"), { kernel, workers });
  const wrong = await differing(pool, linesOf(native, "mnist-scnn"), native);
  const model = await Model.load(modelAddress("mnist-scnn"), { kernel });
  const picture = await bitmapOf("bag-18.png");
  const options = { samples: 20, seed: 3 };
  let last;
  for await (const partial of pool.stream(picture, options)) last = partial;
  if (bits(last) !== bits(await model.predict(picture, options))) wrong.push("stream");
  pool.dispose();
  model.dispose();
  const { code } = await pool.predict(picture).catch((error) => error);
  if (code !== "disposed") wrong.push(`a disposed pool: ${code}`);
  return wrong;
}

/** Compares the predictions for one picture in all forms that a page may have. */
export async function forms({ Model }) {
  const model = await Model.load(modelAddress("cifar10-resnet20"));
  const canvas = Object.assign(document.createElement("canvas"), { width: 100, height: 60 });
  const context = canvas.getContext("2d");
  for (let x = 0; x < 100; x++) {
    context.fillStyle = `rgb(${2 * x} ${255 - x} ${(x * 37) % 256})`;
    context.fillRect(x, x % 20, 1, 60);
  }
  context.globalCompositeOperation = "destination-over";
  context.fillRect(0, 0, 100, 60);
  const image = new Image();
  image.src = canvas.toDataURL();
  await image.decode();
  const offscreen = new OffscreenCanvas(100, 60);
  offscreen.getContext("2d").drawImage(canvas, 0, 0);
  const imageData = context.getImageData(0, 0, 100, 60);
  const drawn = { canvas, image, offscreen, bitmap: await createImageBitmap(canvas), styled: canvas.cloneNode() };
  drawn.styled.getContext("2d").drawImage(canvas, 0, 0);
  drawn.blob = await offscreen.convertToBlob();
  drawn.file = new File([drawn.blob], "stripes.png");
  drawn.bytes = new Uint8Array(await drawn.blob.arrayBuffer());
  drawn.address = canvas.toDataURL();
  drawn.url = new URL(drawn.address);
  drawn.frame = new VideoFrame(canvas, { timestamp: 0 });
  drawn.styled.style.width = "7px"; // The size at which it is shown is not that of its pixels.
  const options = { samples: 2 };
  const expected = bits(await model.predict(imageData, options));
  const wrong = [];
  for (const [name, picture] of Object.entries(drawn)) {
    if (bits(await model.predict(picture, options)) !== expected) wrong.push(name);
  }
  drawn.frame.close();
  const closed = await model.predict(drawn.frame, options).catch((error) => error);
  if (closed.code !== "invalid-input") wrong.push(`closed frame: ${closed}`);
  const text = await model.predict(new File(["no picture"], "notes.txt")).catch((error) => error);
  if (text.code !== "invalid-input" || !/^notes\.txt is not a picture/.test(text.message)) wrong.push(`text: ${text}`);
  const video = Object.assign(document.createElement("video"), { srcObject: canvas.captureStream(), muted: true });
  // A captured canvas gives a frame only when something is drawn.
  const drawing = setInterval(() => context.fillRect(0, 0, 1, 1), 20);
  await video.play();
  clearInterval(drawing);
  if ((await model.predict(video, options)).samples !== 2) wrong.push("video");
  const empty = await model.predict(new Image()).catch((error) => error);
  if (empty.code !== "invalid-input" || !/has not loaded/.test(empty.message)) wrong.push(`empty image: ${empty}`);
  model.dispose();
  return wrong;
}

/** Compares the errors for bad files and signals with those in Node. */
export async function errors({ Model, Bayes8Error }, otherOrigin) {
  const wrong = [];
  const expect = async (name, work, code, message) => {
    const error = await work().catch((error) => error);
    if (!(error instanceof Bayes8Error) || error.code !== code || !message.test(error.message)) {
      wrong.push(`${name}: ${error?.code}: ${error?.message}`);
    }
  };
  await expect("missing", () => Model.load("/none"), "network", /\/none: HTTP 404/);
  await expect("refused", () => Model.load(`${otherOrigin}/models/mnist-scnn.safetensors`), "network", /cannot read http/);
  await expect("no model", () => Model.load("/models/pictures/bag-18.png"), "invalid-model", /bag-18\.png: /);
  await expect("no module", () => Model.load(modelAddress("mnist-scnn"), { wasm: "/models/pictures/bag-18.png" }), "unsupported", /bag-18/);
  const aborting = (load) => () => {
    const controller = new AbortController();
    return load(modelAddress("mnist-scnn"), { signal: controller.signal, onProgress: () => controller.abort() });
  };
  await expect("abort of a load", aborting(Model.load), "aborted", /signal/);
  await expect("abort of a pool", aborting(Model.pool), "aborted", /signal/);

  const pool = await Model.pool(modelAddress("mnist-scnn"), { workers: 2 });
  const picture = new Uint8Array(784);
  const signal = AbortSignal.timeout(50);
  await expect("abort in a pool", () => pool.predict(picture, { samples: 2 ** 28, signal }), "aborted", /signal/);
  await expect("wrong length", () => pool.predict(new Uint8Array(3)), "invalid-input", /784/);
  await expect("not finite", () => pool.predict(new Float32Array(784).fill(NaN)), "invalid-input", /finite/);
  if (typeof Image !== "undefined") {
    const image = new Image();
    image.src = `${otherOrigin}/models/pictures/bag-18.png`;
    await image.decode();
    await expect("tainted", () => pool.predict(image), "invalid-input", /cannot be read.+crossorigin="anonymous"/);
  }
  if ((await pool.predict(picture, { samples: 2 })).samples !== 2) wrong.push("the pool does not go on");
  pool.dispose();
  return wrong;
}

/**
 * Predicts in the page until ten chunks of samples have run and the page could draw. Returns the samples of each chunk,
 * the number of other tasks that ran meanwhile, and the code of the error that ends the prediction.
 */
export async function turns({ Model }) {
  const runs = simulate(() => 20);
  const model = await Model.load(modelAddress("mnist-scnn"), { kernel: "baseline" });
  const { port1, port2 } = new MessageChannel();
  let tasks = 0;
  port1.onmessage = () => {
    if (runs.length > 0) tasks++;
    port2.postMessage(0);
  };
  port2.postMessage(0);
  const controller = new AbortController();
  const hours = { samples: 2 ** 28, signal: controller.signal };
  const work = model.predict(new Uint8Array(784), hours).catch(({ code }) => code);
  while (runs.length < 10) await new Promise(requestAnimationFrame);
  controller.abort();
  const code = await work;
  port1.close();
  model.dispose();
  return { runs, tasks, code };
}

/** Runs the check `name` in `worker`, a Web Worker that calls `answer` of answer.js. */
export function inWorker(worker, name, ...parameters) {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => ("error" in data ? reject(new Error(data.error)) : resolve(data.value));
    worker.onerror = ({ message }) => reject(new Error(`the worker failed: ${message}`));
    worker.postMessage({ name, parameters });
  });
}
