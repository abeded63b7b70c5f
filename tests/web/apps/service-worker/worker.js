import { Model } from "/node_modules/bayes8/dist/index.js";
import { load } from "/support/predict.js";

async function answer({ data, source }) {
  const single = await load(Model, "/models/mnist-scnn.safetensors", `/models/pictures/${data}`).catch(String);
  source.postMessage({ single });
}

addEventListener("message", (event) => event.waitUntil(answer(event)));
