import { Model } from "./bayes8/dist/index.js";
import { load } from "./support/predict.js";

async function answer(respond) {
  respond(await load(Model, "/models/mnist-scnn.safetensors", "/models/pictures/sandal-8.png").catch(String));
}

chrome.runtime.onMessage.addListener((_message, _sender, respond) => {
  answer(respond);
  return true; // The answer comes later.
});
