import { readFile } from "node:fs/promises";
import { Model } from "bayes8";
import { predict } from "../support/predict.js";

const [model, picture] = process.argv.slice(2);
console.log(JSON.stringify(await predict(Model, model, await readFile(picture))));
