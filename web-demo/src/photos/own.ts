/** The visitor's own photo: dropped, pasted, from a file or the camera, or one of the three that are here. */
import cat from "../../assets/cat.jpg";
import coffee from "../../assets/coffee.jpg";
import rocket from "../../assets/rocket.jpg";
import type { Pool } from "bayes8";
import { ClassChart } from "../chart/classes.js";
import { SplitChart } from "../chart/split.js";
import { create, find, inFrame } from "../lib/dom.js";
import { megabytes, withArticle } from "../lib/format.js";
import { Newest } from "../lib/newest.js";
import { paint, shrink, squareOf } from "../lib/pictures.js";
import { Status } from "../lib/status.js";
import { openModel } from "../model/models.js";
import { type Estimate, estimates } from "../model/samples.js";
import { verdict } from "../model/verdict.js";
import { takePicture } from "./camera.js";
import { corrupt, type Severities, type Shape } from "./corruption.js";

const CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];
const SHAPE: Shape = { size: 32, channels: 3 };
const SAMPLES = 32;
const SHIPPED = { cat, coffee, rocket };

const MARKUP = `
  <div class="intro">
    <h2>Your photo</h2>
    <p class="lead">Another network knows ten things: ${CLASSES.slice(0, -1).join(", ")} and ${CLASSES.at(-1)}. Show it one of
      them, or something that it has never seen. The sliders spoil it too.</p>
  </div>
  <div class="own">
    <div class="source">
      <div class="drop">
        <canvas class="photo" width="256" height="256" role="img" aria-label="The photo"></canvas>
        <canvas class="tiny" width="${SHAPE.size}" height="${SHAPE.size}" role="img" aria-label="What the network sees of it: ${SHAPE.size} by ${SHAPE.size} pixels"></canvas>
      </div>
      <p class="note">Drop or paste a picture, or</p>
      <div class="choices">
        <label class="button">Choose a file<input class="sr" type="file" accept="image/*" /></label>
        <button type="button" class="button" data-camera>Camera</button>
        <button type="button" class="button" data-photo="cat">Cat</button>
        <button type="button" class="button" data-photo="coffee">Coffee</button>
        <button type="button" class="button" data-photo="rocket">Rocket</button>
      </div>
      <p class="note">Cat by Stefan van der Walt, coffee by Rachel Michetti (CC0); rocket by SpaceX (public domain).</p>
    </div>
    <div class="said">
      <div class="verdict" aria-live="polite"><p class="answer">…</p><p class="reason"></p></div>
    </div>
  </div>`;

export class OwnPhoto {
  readonly element = create("section", { className: "card own-photo" });
  readonly #status = new Status();
  readonly #chart = new ClassChart(CLASSES, "Probability of each class, mean of the samples", { dots: true });
  readonly #split = new SplitChart(CLASSES.length);
  readonly #newest = new Newest<Uint8Array>((picture, superseded) => this.#predict(picture, superseded));
  readonly #ending = new AbortController();
  #severities: Severities;
  #picture: Uint8Array | undefined;
  #pool: Pool | undefined;
  #estimate: Estimate | undefined;
  readonly #show = inFrame(() => this.#estimate && this.#present(this.#estimate));

  constructor(severities: Severities) {
    this.#severities = severities;
    this.element.innerHTML = MARKUP;
    this.element.setAttribute("aria-label", "Your photo");
    find(this.element, ".source").append(this.#status.element);
    find(this.element, ".said").append(this.#chart.element, this.#split.element);
    for (const button of this.element.querySelectorAll<HTMLButtonElement>("[data-photo]")) {
      button.onclick = () => void this.#shipped(button.dataset.photo as keyof typeof SHIPPED);
    }
    const file = find<HTMLInputElement>(this.element, "input[type=file]");
    file.onchange = () => void this.#open(file.files?.[0]).then(() => (file.value = ""));
    find(this.element, "[data-camera]").onclick = () => void this.#camera();
    this.#listen();
    void this.#load();
    void this.#shipped("cat");
  }

  end(): void {
    this.#ending.abort();
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
    // Beside the target a browser would leave the page and show the file.
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
      const onProgress = ({ loaded, total }: { loaded: number; total?: number }) =>
        this.#status.loading(`Loading the network: ${megabytes(loaded)} MB`, total && loaded / total);
      this.#pool = await openModel("cifar10-resnet20", { workers: 1, onProgress });
      if (this.#ending.signal.aborted) return this.#pool.dispose();
      this.#status.show("");
      this.#changed();
    } catch (error) {
      this.#fail(error);
    }
  }

  async #shipped(name: keyof typeof SHIPPED): Promise<void> {
    try {
      await this.#photo(await (await fetch(SHIPPED[name])).blob());
    } catch (error) {
      this.#fail(error);
    }
  }

  async #open(file: File | undefined): Promise<void> {
    if (!file) return;
    try {
      await this.#photo(file);
    } catch {
      this.#status.error(`“${file.name}” is no picture that this browser can read. PNG, JPEG and WebP work.`);
    }
  }

  async #camera(): Promise<void> {
    try {
      const picture = await takePicture(this.#ending.signal);
      if (picture) await this.#photo(picture);
    } catch {
      this.#status.error("No camera could be opened. A file, or one of the photos here, works too.");
    }
  }

  async #photo(source: Blob | ImageBitmapSource): Promise<void> {
    const square = await squareOf(source);
    find<HTMLCanvasElement>(this.element, ".photo").getContext("2d")!.putImageData(square, 0, 0);
    this.#picture = shrink(square, SHAPE.size);
    this.#status.show("");
    this.#changed();
  }

  #changed(): void {
    if (!this.#picture) return;
    const picture = corrupt(this.#picture, SHAPE, this.#severities, 0);
    paint(find(this.element, ".tiny"), picture);
    if (this.#pool) this.#newest.request(picture).catch((error) => this.#fail(error));
  }

  async #predict(picture: Uint8Array, superseded: () => boolean): Promise<void> {
    for await (const estimate of estimates(this.#pool!, picture, { samples: SAMPLES, seed: 0n })) {
      this.#estimate = estimate;
      this.#show();
      if (superseded()) return;
    }
  }

  #present(estimate: Estimate): void {
    this.#chart.update(estimate);
    this.#split.update(estimate);
    const { answer, reason } = verdict(estimate, withArticle);
    find(this.element, ".answer").textContent = answer;
    find(this.element, ".reason").textContent = reason;
  }

  #fail(error: unknown): void {
    if (!this.#ending.signal.aborted) this.#status.error(error, () => void this.#load());
  }
}
