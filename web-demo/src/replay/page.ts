import type { Page } from "../lib/page.js";
import { ReplayPrediction } from "./prediction.js";
import "./replay.css";
import { ReplayVectors } from "./vectors.js";

const MARKUP = `
  <div class="intro">
    <h1>The same bits, here and there</h1>
    <p class="lead">A prediction depends on model, picture, seed and samples, and on nothing else: not on the processor, the
      number of threads or the browser. So anyone can replay it.</p>
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
