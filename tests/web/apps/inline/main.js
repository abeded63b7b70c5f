import { Model } from "bayes8/inline";
import { predict } from "../support/predict.js";

window.results = predict(Model, "/models/mnist-scnn.safetensors", "/models/pictures/sandal-8.png");
