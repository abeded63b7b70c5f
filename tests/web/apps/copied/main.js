import { Model } from "bayes8";
import { predict } from "../support/predict.js";

const files = { wasm: "bayes8.wasm", worker: "worker.js" };
window.results = predict(Model, "/models/mnist-scnn.safetensors", "/models/pictures/sandal-8.png", files);
