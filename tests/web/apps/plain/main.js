import { Model } from "/node_modules/bayes8/dist/index.js";
import { predict } from "/support/predict.js";

window.results = predict(Model, "/models/mnist-scnn.safetensors", "/models/pictures/sandal-8.png");
