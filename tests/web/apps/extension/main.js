import { Model } from "./bayes8/dist/index.js";
import { predict } from "./support/predict.js";

async function run() {
  const here = await predict(Model, "/models/mnist-scnn.safetensors", "/models/pictures/sandal-8.png");
  return { ...here, background: await chrome.runtime.sendMessage("predict") };
}

window.results = run();
