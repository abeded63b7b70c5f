import type { Pool } from "bayes8";
import { ClassChart } from "../chart/classes.js";
import { SplitChart } from "../chart/split.js";
import "../styles/charts.css";
import { create, find, inFrame } from "../lib/dom.js";
import { percent, withArticle } from "../lib/format.js";
import { Newest } from "../lib/newest.js";
import type { Page } from "../lib/page.js";
import { FIRST_PREDICTION } from "../lib/offline.js";
import { paint } from "../lib/pixels.js";
import { Status } from "../lib/status.js";
import { type ModelName, openModel } from "../model/models.js";
import { best, type Estimate, estimates } from "../model/samples.js";
import { bluntVerdict, verdict } from "../model/verdict.js";
import "./draw.css";
import { type ExampleName, EXAMPLES } from "./examples.js";
import { Pad } from "./pad.js";
import type { Replay } from "../replay/link.js";
import { rasterize, SIZE } from "./raster.js";
import { Sharing } from "./sharing.js";
import { rotate, type Stroke } from "./strokes.js";

const SEED = 0n;

/** What varies from sample to sample. All networks have seen the same digits. */
interface Posterior {
  readonly label: string;
  readonly model: ModelName;
  readonly samples: number;
  /** Uses the mean of every weight, so that nothing varies. */
  readonly meanWeights?: boolean;
}

const POSTERIORS = {
  gaussian: { label: "Gaussian weights", model: "mnist-cnn", samples: 48 },
  dropout: { label: "Dropout", model: "mnist-dropout", samples: 48 },
  ensemble: { label: "An ensemble of five", model: "mnist-ensemble", samples: 5 },
  none: { label: "Nothing: fixed weights", model: "mnist-cnn", samples: 1, meanWeights: true },
} satisfies Record<string, Posterior>;

type PosteriorName = keyof typeof POSTERIORS;
const DIGITS = Array.from("0123456789");

const MARKUP = `
  <div class="intro">
    <h1>A network that knows when it doesn’t know</h1>
    <p class="lead">Draw a digit. The network answers ${POSTERIORS.gaussian.samples} times, each time with slightly different weights.
      If the answers agree, trust it. If they scatter, it is guessing.</p>
  </div>
  <div class="draw">
    <section class="input" aria-label="Drawing">
      <div class="frame"><p class="hint" aria-hidden="true">Draw here</p></div>
      <p id="pad-keys" class="sr">Arrow keys move the pen. Space puts it down or lifts it. Backspace erases the drawing.</p>
      <div class="examples" role="group" aria-label="Examples">
        <button type="button" class="button" data-example="clear">A clear 3</button>
        <button type="button" class="button" data-example="ambiguous">4 or 9?</button>
        <button type="button" class="button" data-example="letter">A letter</button>
        <button type="button" class="button" data-erase>Erase</button>
      </div>
      <div class="seen">
        <canvas width="${SIZE}" height="${SIZE}" role="img" aria-label="What the network sees: ${SIZE} by ${SIZE} pixels"></canvas>
        <label class="slider" for="rotate">Rotate <output>0°</output>
          <input id="rotate" type="range" min="-180" max="180" step="5" value="0" />
        </label>
      </div>
    </section>
    <div class="results">
      <section class="verdict with" aria-label="With uncertainty">
        <p class="kicker"><b>With uncertainty</b><span class="count"></span></p>
        <label class="posterior">What varies <select></select></label>
        <div aria-live="polite"><p class="answer">One moment…</p><p class="reason"></p></div>
      </section>
      <section class="verdict without" aria-label="Without uncertainty">
        <p class="kicker"><b>Without uncertainty</b><span>fixed weights</span></p>
        <div><p class="answer">…</p><p class="reason"></p></div>
      </section>
    </div>
  </div>`;

/** The drawing outlives the page, so that it is there when the visitor comes back. */
let strokes: readonly Stroke[] = EXAMPLES.ambiguous;
let example: ExampleName | undefined = "ambiguous";
let degrees = 0;
let posterior: PosteriorName = "gaussian";

class DrawPage {
  readonly #root: HTMLElement;
  readonly #pad: Pad;
  readonly #status = new Status();
  readonly #chart = new ClassChart(DIGITS, "Probability of each digit, averaged over the samples", { dots: true, title: "With uncertainty" });
  readonly #contrast = new ClassChart(DIGITS, "Probability of each digit without uncertainty", { dots: false, title: "Without uncertainty" });
  readonly #split = new SplitChart();
  readonly #sharing = new Sharing(() => this.#replay());
  readonly #newest = new Newest<Uint8Array>((picture, superseded) => this.#predict(picture, superseded));
  #bayesian: Pool | undefined;
  #blunt: Pool | undefined;
  #estimate: Estimate | undefined;
  #ended = false;
  #failed = false;
  readonly #show = inFrame(() => this.#estimate && !this.#ended && this.#present(this.#estimate));

  constructor(root: HTMLElement) {
    this.#root = root;
    root.innerHTML = MARKUP;
    this.#pad = new Pad({
      begin: () => example && this.#set([], undefined),
      change: (drawn) => this.#set(drawn, undefined),
      erase: () => this.#set([], undefined),
    });
    find(root, ".frame").prepend(this.#pad.element);
    find(root, ".with .reason").after(this.#status.element);
    this.#contrast.element.classList.add("plain");
    find(root, ".results").append(this.#chart.element, this.#split.element, this.#contrast.element, this.#sharing.element);
    for (const button of root.querySelectorAll<HTMLButtonElement>("[data-example]")) {
      const name = button.dataset.example as ExampleName;
      button.onclick = () => this.#set(EXAMPLES[name], name);
    }
    find(root, "[data-erase]").onclick = () => this.#set([], undefined);
    const select = find<HTMLSelectElement>(root, ".posterior select");
    const options = Object.entries(POSTERIORS);
    select.append(...options.map(([value, { label: textContent }]) => create("option", { value, textContent })));
    select.value = posterior;
    select.onchange = () => {
      posterior = select.value as PosteriorName;
      this.#clear();
      void this.#load();
    };
    const slider = find<HTMLInputElement>(root, "input[type=range]");
    slider.value = String(degrees);
    slider.oninput = () => {
      degrees = slider.valueAsNumber;
      this.#changed();
    };
    this.#count(0);
    this.#changed();
    void this.#load();
  }

  end(): void {
    this.#ended = true;
    this.#bayesian?.dispose();
    this.#blunt?.dispose();
  }

  async #load(): Promise<void> {
    this.#bayesian?.dispose();
    this.#blunt?.dispose();
    this.#bayesian = this.#blunt = undefined;
    this.#failed = false;
    try {
      this.#status.loading("Loading the network");
      const chosen = posterior;
      const { model, meanWeights }: Posterior = POSTERIORS[chosen];
      const bayesian = await openModel(model, {
        workers: 1,
        ...(meanWeights && { meanWeights }),
        onProgress: this.#status.loadingNetwork,
      });
      // The page may be left, or another network chosen, while this one loads.
      if (this.#ended || chosen !== posterior) return bayesian.dispose();
      this.#bayesian = bayesian;
      this.#changed();
      const blunt = await openModel("mnist-cnn", { workers: 1, meanWeights: true });
      if (this.#ended || chosen !== posterior) return blunt.dispose();
      this.#blunt = blunt;
      this.#changed();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    if (this.#ended || this.#failed) return;
    this.#failed = true;
    // A later prediction must not replace the message.
    this.#bayesian?.dispose();
    this.#bayesian = undefined;
    this.#status.error(error, () => void this.#load());
    this.#say(".with", "No answer", "");
  }

  #set(drawn: readonly Stroke[], name: ExampleName | undefined): void {
    strokes = drawn;
    example = name;
    this.#changed();
  }

  /** The drawing or its rotation has changed. */
  #changed(): void {
    const picture = rasterize(rotate(strokes, degrees));
    this.#pad.show(strokes, degrees);
    paint(find(this.#root, ".seen canvas"), picture);
    find(this.#root, ".slider output").textContent = `${degrees}°`;
    find(this.#root, ".hint").hidden = strokes.length > 0 && !example;
    for (const button of this.#root.querySelectorAll<HTMLButtonElement>("[data-example]")) {
      button.setAttribute("aria-pressed", String(button.dataset.example === example));
    }
    // Screen readers wait for the final result.
    find(this.#root, ".results").setAttribute("aria-busy", "true");
    if (this.#bayesian) this.#newest.request(picture).catch((error) => this.#fail(error));
  }

  async #predict(picture: Uint8Array, superseded: () => boolean): Promise<void> {
    const { samples, meanWeights }: Posterior = POSTERIORS[posterior];
    // Only whole model files can be replayed.
    this.#sharing.reset(!meanWeights && picture.some((value) => value > 0));
    if (picture.every((value) => value === 0)) return this.#clear();
    const bayesian = this.#bayesian!;
    for await (const estimate of estimates(bayesian, picture, { samples, seed: SEED })) {
      this.#estimate = estimate;
      this.#show();
      if (superseded()) return;
    }
    if (!this.#blunt) return;
    for await (const estimate of estimates(this.#blunt, picture, { samples: 1, seed: SEED })) this.#presentBlunt(estimate);
    if (!superseded()) find(this.#root, ".results").setAttribute("aria-busy", "false");
  }

  /** The current drawing and the digest of its prediction, for another machine to repeat. */
  async #replay(): Promise<Replay> {
    const bytes = rasterize(rotate(strokes, degrees));
    const { model, samples } = POSTERIORS[posterior];
    const { logitsDigest } = await this.#bayesian!.predict(bytes, { samples, seed: SEED, logits: true });
    return { model, picture: { bytes }, seed: SEED, samples, digest: logitsDigest! };
  }

  #present(estimate: Estimate): void {
    // For measurements of the time until the first prediction.
    if (!performance.getEntriesByName(FIRST_PREDICTION).length) performance.mark(FIRST_PREDICTION);
    this.#chart.update(estimate);
    this.#split.update(estimate);
    const { answer, reason } = verdict(estimate, withArticle);
    this.#say(".with", answer, reason);
    this.#count(estimate.samples.length);
    this.#status.show("");
  }

  #presentBlunt(estimate: Estimate): void {
    this.#contrast.update(estimate);
    const share = percent(estimate.probabilities[best(estimate.probabilities)]!);
    this.#say(".without", bluntVerdict(estimate, withArticle), `${share}, and no sign of doubt.`);
  }

  #clear(): void {
    this.#estimate = undefined;
    this.#chart.clear();
    this.#contrast.clear();
    this.#split.clear();
    this.#say(".with", "Draw something.", "");
    this.#say(".without", "", "");
    find(this.#root, ".results").setAttribute("aria-busy", "false");
    this.#count(0);
    this.#status.show("");
  }

  #count(done: number): void {
    const { samples } = POSTERIORS[posterior];
    find(this.#root, ".count").textContent = `${done} of ${samples} ${samples === 1 ? "sample" : "samples"}`;
  }

  #say(verdict: string, answer: string, reason: string): void {
    find(this.#root, `${verdict} .answer`).textContent = answer;
    find(this.#root, `${verdict} .reason`).textContent = reason;
  }
}

export const draw: Page = {
  title: "Draw",
  mount(root) {
    const page = new DrawPage(root);
    return () => page.end();
  },
};
