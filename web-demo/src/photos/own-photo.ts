/** The visitor's own photo: dropped, pasted, from a file or the camera, or one of the examples. */
import type { Pool } from "bayes8";
import { ClassChart } from "../chart/classes.js";
import { SplitChart } from "../chart/split.js";
import { create, find, inFrame } from "../lib/dom.js";
import { withArticle } from "../lib/format.js";
import { Newest } from "../lib/newest.js";
import { Pace } from "../lib/pace.js";
import { PhotoSource } from "../lib/photo-source.js";
import { paint, shrink } from "../lib/pixels.js";
import { Status } from "../lib/status.js";
import { openModel } from "../model/models.js";
import { best, type Estimate, estimates } from "../model/samples.js";
import { verdict } from "../model/verdict.js";
import { corrupt, type Severities, type Shape } from "./corruption.js";
import { type Example, EXAMPLES, lesson } from "./examples.js";
import { settle } from "./live.js";

export const CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];
const SHAPE: Shape = { size: 32, channels: 3 };
const SAMPLES = 32;
/** Side of the square to which photos are scaled: large enough to show, and quick to read. */
const PHOTO = 256;

const MARKUP = `
  <div class="own">
    <div class="source">
      <h2>Your photo</h2>
      <div class="drop">
        <canvas class="photo" width="${PHOTO}" height="${PHOTO}" role="img" aria-label="The photo"></canvas>
        <canvas class="tiny" width="${SHAPE.size}" height="${SHAPE.size}" role="img" aria-label="What the network sees: ${SHAPE.size} by ${SHAPE.size} pixels"></canvas>
      </div>
      <div class="below"><p class="note pace"></p></div>
      <p class="note">You can also drop or paste a picture. Or try one of these:</p>
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
  readonly #source: PhotoSource<Example>;
  #pace = new Pace();
  #severities: Severities;
  #shown: Shown | undefined;
  #pool: Pool | undefined;
  #said: (Shown & { readonly estimate: Estimate }) | undefined;
  #ended = false;
  readonly #show = inFrame(() => this.#present());

  constructor(severities: Severities) {
    this.#severities = severities;
    this.element.innerHTML = MARKUP;
    this.element.setAttribute("aria-label", "Your photo");
    this.#source = new PhotoSource<Example>({
      examples: Object.values(EXAMPLES),
      width: PHOTO,
      height: PHOTO,
      status: this.#status,
      onPhoto: (square, example) => {
        this.#put(square, example);
        this.#changed();
      },
      onFrame: (square, signal) => this.#frame(this.#put(square, undefined), signal),
      onLive: (live) => this.#liveChanged(live),
      onError: (error) => this.#fail(error),
    });
    find(this.element, "h2").after(this.#source.buttons);
    find(this.element, ".below + .note").after(this.#source.examples);
    find(this.element, ".below").append(this.#status.element);
    find(this.element, ".said").append(this.#split.element, this.#chart.element);
    void this.#load();
    void this.#source.show(EXAMPLES.galaxies);
  }

  end(): void {
    this.#ended = true;
    this.#source.end();
    this.#pool?.dispose();
  }

  corrupt(severities: Severities): void {
    this.#severities = severities;
    this.#changed();
  }

  async #load(): Promise<void> {
    try {
      this.#pool?.dispose();
      this.#pool = undefined;
      this.#status.loading("Loading the network");
      this.#pool = await openModel("cifar10-resnet20", { workers: 1, onProgress: this.#status.loadingNetwork });
      if (this.#ended) return this.#pool.dispose();
      this.#status.show("");
      this.#changed();
    } catch (error) {
      this.#fail(error);
    }
  }

  async #frame(shown: Shown, signal: AbortSignal): Promise<void> {
    if (!this.#pool) return;
    const estimate = await settle(this.#pool, this.#spoiled(shown));
    if (signal.aborted) return;
    this.#said = { ...shown, estimate };
    this.#show();
    const rate = this.#pace.tick(performance.now());
    if (rate === undefined) return;
    const [element, samples] = [find(this.element, ".pace"), estimate.samples.length];
    element.dataset.rate = rate.toFixed(1);
    element.dataset.samples = String(samples);
    element.textContent = `${Math.round(rate)} predictions per second, ${samples} samples for this frame`;
  }

  #liveChanged(live: boolean): void {
    // Ten answers per second are too many to be read out.
    find(this.element, ".verdict > div").setAttribute("aria-live", live ? "off" : "polite");
    find(this.element, ".pace").textContent = "";
    this.#pace = new Pace();
    // The last frame stays, as a photo.
    if (!live) this.#changed();
  }

  #put(square: ImageData, example: Example | undefined): Shown {
    find<HTMLCanvasElement>(this.element, ".photo").getContext("2d")!.putImageData(square, 0, 0);
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
    if (!this.#shown || this.#source.live) return;
    this.#spoiled(this.#shown);
    if (this.#pool) this.#newest.request(this.#shown).catch((error) => this.#fail(error));
  }

  async #predict(shown: Shown, superseded: () => boolean): Promise<void> {
    for await (const estimate of estimates(this.#pool!, this.#spoiled(shown), { samples: SAMPLES, seed: 0n })) {
      if (this.#source.live) return;
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
    if (!this.#ended) this.#status.error(error, () => void this.#load());
  }
}
