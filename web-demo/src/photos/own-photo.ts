/** The visitor's own photo: dropped, pasted, from a file or the camera, or one of the examples. */
import type { Pool } from "bayes8";
import { ClassChart } from "../chart/classes.js";
import { SplitChart } from "../chart/split.js";
import { create, find, inFrame } from "../lib/dom.js";
import { withArticle } from "../lib/format.js";
import { Newest } from "../lib/newest.js";
import { paint, shrink, squareOf } from "../lib/pixels.js";
import { Status } from "../lib/status.js";
import { openModel } from "../model/models.js";
import { best, type Estimate, estimates } from "../model/samples.js";
import { verdict } from "../model/verdict.js";
import { openCamera } from "./camera.js";
import { corrupt, type Severities, type Shape } from "./corruption.js";
import { type Example, type ExampleName, EXAMPLES, lesson } from "./examples.js";
import { Pace, settle } from "./live.js";

export const CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];
const SHAPE: Shape = { size: 32, channels: 3 };
const SAMPLES = 32;
const FIRST: ExampleName = "galaxies";

const MARKUP = `
  <div class="own">
    <div class="source">
      <h2>Your photo</h2>
      <div class="choices">
        <label class="button">Choose a file<input class="sr" type="file" accept="image/*" /></label>
        <button type="button" class="button" data-camera>Live camera</button>
      </div>
      <div class="drop">
        <canvas class="photo" width="256" height="256" role="img" aria-label="The photo"></canvas>
        <canvas class="tiny" width="${SHAPE.size}" height="${SHAPE.size}" role="img" aria-label="What the network sees: ${SHAPE.size} by ${SHAPE.size} pixels"></canvas>
      </div>
      <div class="below"><p class="note pace"></p></div>
      <p class="note">You can also drop or paste a picture. Or try one of these:</p>
      <div class="choices" role="group" aria-label="Examples"></div>
      <p class="note">Cat by Stefan van der Walt (CC0). Galaxies by NASA, rocket by SpaceX (public domain).</p>
    </div>
    <div class="said">
      <div class="verdict"><div aria-live="polite"><p class="answer">…</p><p class="reason"></p></div></div>
      <p class="lesson"></p>
    </div>
  </div>`;

/** A picture before it is spoiled, and its example, if it is one. */
interface Shown {
  readonly picture: Uint8Array;
  readonly example: Example | undefined;
}

export class OwnPhoto {
  readonly element = create("section", { className: "card own-photo" });
  readonly #status = new Status();
  readonly #chart = new ClassChart(CLASSES, "Probability of each class, averaged over the samples", { dots: true });
  readonly #split = new SplitChart();
  readonly #newest = new Newest<Shown>((shown, superseded) => this.#predict(shown, superseded));
  readonly #ending = new AbortController();
  #severities: Severities;
  #shown: Shown | undefined;
  #pool: Pool | undefined;
  #said: (Shown & { readonly estimate: Estimate }) | undefined;
  /** Stops the live camera, if it runs. */
  #live: AbortController | undefined;
  readonly #show = inFrame(() => this.#present());

  constructor(severities: Severities) {
    this.#severities = severities;
    this.element.innerHTML = MARKUP;
    this.element.setAttribute("aria-label", "Your photo");
    find(this.element, ".below").append(this.#status.element);
    find(this.element, ".said").append(this.#split.element, this.#chart.element);
    for (const [name, { button }] of Object.entries(EXAMPLES)) {
      const onclick = () => void this.#shipped(name as ExampleName);
      find(this.element, ".choices[role=group]").append(create("button", { type: "button", className: "button", textContent: button, onclick }));
    }
    const file = find<HTMLInputElement>(this.element, "input[type=file]");
    file.onchange = () => void this.#open(file.files?.[0]).then(() => (file.value = ""));
    find(this.element, "[data-camera]").onclick = () => (this.#live ? this.#stop() : void this.#camera());
    this.#listen();
    void this.#load();
    void this.#shipped(FIRST);
  }

  end(): void {
    this.#ending.abort();
    this.#live?.abort();
    this.#pool?.dispose();
  }

  corrupt(severities: Severities): void {
    this.#severities = severities;
    this.#changed();
  }

  #listen(): void {
    const { signal } = this.#ending;
    const fileOf = (data: DataTransfer | null) => Array.from(data?.files ?? [])[0];
    addEventListener("paste", (event) => void this.#open(fileOf(event.clipboardData)), { signal });
    // Without this, a browser would leave the page and show the file.
    addEventListener("dragover", (event) => event.preventDefault(), { signal });
    addEventListener("drop", (event) => {
      event.preventDefault();
      void this.#open(fileOf(event.dataTransfer));
    }, { signal });
  }

  async #load(): Promise<void> {
    try {
      this.#pool?.dispose();
      this.#pool = undefined;
      this.#status.loading("Loading the network");
      this.#pool = await openModel("cifar10-resnet20", { workers: 1, onProgress: this.#status.loadingNetwork });
      if (this.#ending.signal.aborted) return this.#pool.dispose();
      this.#status.show("");
      this.#changed();
    } catch (error) {
      this.#fail(error);
    }
  }

  async #shipped(name: ExampleName): Promise<void> {
    try {
      const example = EXAMPLES[name];
      await this.#photo(await (await fetch(example.file)).blob(), example);
    } catch (error) {
      this.#fail(error);
    }
  }

  async #open(file: File | undefined): Promise<void> {
    if (!file) return;
    try {
      await this.#photo(file);
    } catch {
      this.#status.error(`Your browser cannot read “${file.name}” as a picture. PNG, JPEG and WebP work.`);
    }
  }

  /** Predicts frame after frame, as fast as it can, until stopped. */
  async #camera(): Promise<void> {
    const live = new AbortController();
    const { signal } = live;
    this.#stop();
    this.#live = live;
    this.#liveChanged();
    if (this.#pool) this.#status.show("");
    try {
      const video = await openCamera(signal);
      const pace = new Pace();
      while (!signal.aborted) {
        const square = await squareOf(video);
        if (signal.aborted) return;
        const shown = this.#put(square, undefined);
        if (this.#pool) await this.#frame(this.#pool, shown, pace, signal);
        // A hidden page gets no frames, so it predicts nothing.
        await new Promise(requestAnimationFrame);
      }
    } catch (error) {
      if (signal.aborted) return;
      this.#stop();
      if (error instanceof DOMException) this.#status.error("The camera could not be opened. A file or one of the examples works too.");
      else this.#fail(error);
    }
  }

  async #frame(pool: Pool, shown: Shown, pace: Pace, signal: AbortSignal): Promise<void> {
    const estimate = await settle(pool, this.#spoiled(shown));
    if (signal.aborted) return;
    this.#said = { ...shown, estimate };
    this.#show();
    const rate = pace.tick(performance.now());
    if (rate === undefined) return;
    const [element, samples] = [find(this.element, ".pace"), estimate.samples.length];
    element.dataset.rate = rate.toFixed(1);
    element.dataset.samples = String(samples);
    element.textContent = `${Math.round(rate)} predictions per second, ${samples} samples for this frame`;
  }

  /** Stops the live camera. The last frame stays, as a photo. */
  #stop(): void {
    if (!this.#live) return;
    this.#live.abort();
    this.#live = undefined;
    this.#liveChanged();
    this.#changed();
  }

  #liveChanged(): void {
    const live = this.#live !== undefined;
    const button = find<HTMLButtonElement>(this.element, "[data-camera]");
    button.textContent = live ? "Stop the camera" : "Live camera";
    // Ten answers per second are too many to be read out.
    find(this.element, ".verdict > div").setAttribute("aria-live", live ? "off" : "polite");
    find(this.element, ".pace").textContent = "";
  }

  async #photo(source: Blob, example?: Example): Promise<void> {
    const square = await squareOf(source);
    this.#stop();
    this.#put(square, example);
    this.#status.show("");
    this.#changed();
  }

  #put(square: ImageData, example: Example | undefined): Shown {
    find<HTMLCanvasElement>(this.element, ".photo").getContext("2d")!.putImageData(square, 0, 0);
    for (const button of this.element.querySelectorAll("[role=group] button")) {
      button.setAttribute("aria-pressed", String(button.textContent === example?.button));
    }
    return (this.#shown = { picture: shrink(square, SHAPE.size), example });
  }

  /** The picture after corruption, which is what the network sees. */
  #spoiled({ picture }: Shown): Uint8Array {
    const spoiled = corrupt(picture, SHAPE, this.#severities, 0);
    paint(find(this.element, ".tiny"), spoiled);
    return spoiled;
  }

  #changed(): void {
    // The next frame of the camera gets the new settings anyway.
    if (!this.#shown || this.#live) return;
    this.#spoiled(this.#shown);
    if (this.#pool) this.#newest.request(this.#shown).catch((error) => this.#fail(error));
  }

  async #predict(shown: Shown, superseded: () => boolean): Promise<void> {
    for await (const estimate of estimates(this.#pool!, this.#spoiled(shown), { samples: SAMPLES, seed: 0n })) {
      if (this.#live) return;
      this.#said = { ...shown, estimate };
      this.#show();
      if (superseded()) return;
    }
  }

  #present(): void {
    if (!this.#said) return;
    const { estimate, example } = this.#said;
    this.#chart.update(estimate);
    this.#split.update(estimate);
    const { answer, reason, sure } = verdict(estimate, withArticle);
    const said = estimate.classNames[best(estimate.probabilities)]!;
    find(this.element, ".answer").textContent = answer;
    find(this.element, ".reason").textContent = reason;
    find(this.element, ".lesson").textContent = example ? lesson(example, sure, said) : "Only you know whether that is right.";
  }

  #fail(error: unknown): void {
    if (!this.#ending.signal.aborted) this.#status.error(error, () => void this.#load());
  }
}
