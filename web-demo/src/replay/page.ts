import type { Page } from "../lib/page.js";
import { ReplayPrediction } from "./prediction.js";
import "./replay.css";
import { ReplayVectors } from "./vectors.js";

const MARKUP = `
  <div class="intro">
    <h1>The same answer, bit for bit, everywhere</h1>
    <p class="lead">A prediction depends on the model, the picture, the seed and the number of samples. It doesn’t depend on
      the processor, the browser or the number of threads. So anyone can repeat it and check it.</p>
  </div>`;

export const replay: Page = {
  title: "Replay",
  mount(root, parameters) {
    root.innerHTML = MARKUP;
    const parts = [new ReplayPrediction(parameters), new ReplayVectors()];
    const columns = document.createElement("div");
    columns.className = "replay";
    columns.append(...parts.map(({ element }) => element));
    root.append(columns);
    return () => parts.forEach((part) => part.end());
  },
};
