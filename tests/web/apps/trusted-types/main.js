import { Model } from "/node_modules/bayes8/dist/index.js";
import { predict } from "/support/predict.js";

const policy = trustedTypes.createPolicy("workers", { createScriptURL: (url) => url });
const worker = () => new Worker(policy.createScriptURL("/node_modules/bayes8/dist/worker.js"), { type: "module" });
window.results = predict(Model, "/models/mnist-scnn.safetensors", "/models/pictures/sandal-8.png", { worker });
