import type { Pool } from "bayes8";
import "../styles/charts.css";
import { LineChart } from "../chart/lines.js";
import { create, find, inFrame } from "../lib/dom.js";
import { megabytes, nats, percent } from "../lib/format.js";
import { Newest } from "../lib/newest.js";
import type { Page } from "../lib/page.js";
import { Status } from "../lib/status.js";
import { openModel } from "../model/models.js";
import type { Severities } from "./corruption.js";
import { bySureness, errorsAmong, riskCoverage } from "./coverage.js";
import { GalleryGrid, LABELS, loadGallery } from "./gallery.js";
import { OwnPhoto } from "./own.js";
import "./photos.css";
import { CorruptionSliders } from "./sliders.js";
import { corrupted, curve, GALLERY_SAMPLES, judge, type PictureOutcome, type Point } from "./study.js";

const COUNT = LABELS.length;

const MARKUP = `
  <div class="intro">
    <h1>Doubt grows as pictures get worse</h1>
    <p class="lead">${COUNT} test pictures of Fashion-MNIST, ${GALLERY_SAMPLES} samples each. Spoil them, and let the network answer
      only when it is sure: that is what knowing one’s doubt is good for.</p>
  </div>
  <div class="photos">
    <div class="controls"></div>
    <div class="results">
      <div class="study">
        <p class="tally" aria-live="polite"><b>…</b> <span></span></p>
        <label class="slider coverage">Answer only when sure <output></output>
          <input type="range" min="0.05" max="1" step="0.05" value="1" name="coverage" aria-label="Share of pictures that get an answer" />
        </label>
        <div class="grid"></div>
        <p class="note legend"><span class="key wrong"></span> wrong <span class="key silent"></span> too unsure to answer</p>
      </div>
      <div class="curves"></div>
    </div>
  </div>`;

const share = (label: string, ticks: readonly number[], to = 1) => ({ label, from: 0, to, ticks, format: percent });

class PhotosPage {
  readonly #root: HTMLElement;
  readonly #sliders = new CorruptionSliders(() => this.#changed());
  readonly #grid = new GalleryGrid();
  readonly #status = new Status();
  readonly #own = new OwnPhoto(this.#sliders.severities);
  readonly #newest = new Newest<Severities>((severities, superseded) => this.#study(severities, superseded));
  readonly #accuracy = new LineChart({
    title: "Accuracy",
    x: share("severity", [0, 0.5, 1]),
    y: share("accuracy", [0, 0.5, 1]),
  });
  readonly #uncertainty = new LineChart({
    title: "Uncertainty, nats",
    x: share("severity", [0, 0.5, 1]),
    y: { label: "nats", from: 0, to: 2, ticks: [0, 1, 2], format: (value) => String(Math.round(100 * value) / 100) },
  });
  readonly #risk = new LineChart({
    title: "Errors among the answered",
    x: share("answered", [0, 0.5, 1]),
    y: share("errors", [0, 0.25, 0.5], 0.5),
  });
  readonly #show = inFrame(() => this.#present());
  #pool: Pool | undefined;
  #gallery: Uint8Array[] = [];
  #outcomes: PictureOutcome[] = [];
  #points: Point[] = [];
  #ended = false;

  constructor(root: HTMLElement) {
    this.#root = root;
    root.innerHTML = MARKUP;
    find(root, ".controls").append(this.#sliders.element, this.#status.element);
    find(root, ".grid").replaceWith(this.#grid.element);
    const legend = create("p", { className: "note" });
    legend.innerHTML = `<span class="key total"></span> total <span class="key aleatoric"></span> aleatoric <span class="key epistemic"></span> epistemic`;
    this.#uncertainty.element.append(legend);
    find(root, ".curves").append(this.#accuracy.element, this.#uncertainty.element, this.#risk.element);
    find(root, ".results").append(this.#own.element);
    find(root, ".coverage input").oninput = this.#show;
    void this.#load();
  }

  end(): void {
    this.#ended = true;
    this.#pool?.dispose();
    this.#own.end();
  }

  async #load(): Promise<void> {
    try {
      this.#pool?.dispose();
      this.#status.loading("Loading the network");
      const onProgress = ({ loaded, total }: { loaded: number; total?: number }) =>
        this.#status.loading(`Loading the network: ${megabytes(loaded)} MB`, total && loaded / total);
      this.#gallery = await loadGallery();
      this.#gallery.forEach((picture, index) => this.#grid.paint(index, picture));
      this.#pool = await openModel("fashion-resnet14", { onProgress });
      if (this.#ended) return this.#pool.dispose();
      this.#changed();
    } catch (error) {
      this.#fail(error);
    }
  }

  #changed(): void {
    this.#own.corrupt(this.#sliders.severities);
    if (this.#pool) this.#newest.request(this.#sliders.severities).catch((error) => this.#fail(error));
  }

  async #study(severities: Severities, superseded: () => boolean): Promise<void> {
    const stopped = () => superseded() || this.#ended;
    const pool = this.#pool!;
    this.#status.loading("Predicting the gallery");
    for await (const { first, pictures } of corrupted(this.#gallery, severities)) {
      pictures.forEach((picture, index) => this.#grid.paint(first + index, picture));
      const outcomes = await judge(pool, pictures, first);
      if (this.#ended) return;
      // Those of the last setting stand until then, so that nothing flickers.
      this.#outcomes.splice(first, outcomes.length, ...outcomes);
      this.#show();
      if (stopped()) return;
    }
    this.#status.loading(`Predicting the gallery at more of ${this.#sliders.label.toLowerCase()}`);
    for await (const points of curve(pool, this.#gallery, severities, this.#sliders.active, stopped)) {
      this.#points = points;
      this.#show();
      if (stopped()) return;
    }
    if (!stopped()) this.#status.show(`Each picture with ${GALLERY_SAMPLES} samples`);
  }

  #present(): void {
    const outcomes = this.#outcomes;
    if (this.#ended || outcomes.length === 0) return;
    const coverage = find<HTMLInputElement>(this.#root, ".coverage input").valueAsNumber;
    const answered = Math.max(1, Math.round(coverage * outcomes.length));
    const order = bySureness(outcomes);
    order.forEach((index, rank) => {
      const { right, said } = outcomes[index]!;
      this.#grid.mark(index, rank >= answered ? "silent" : right ? "right" : "wrong", this.#name(LABELS[index]!), this.#name(said));
    });
    const errors = errorsAmong(outcomes, order, answered);
    find(this.#root, ".coverage output").textContent = `${percent(answered / outcomes.length)} of pictures`;
    find(this.#root, ".tally b").textContent = `${percent(errors / answered)} errors`;
    find(this.#root, ".tally span").textContent =
      `${errors} of ${answered} answers ${errors === 1 ? "is" : "are"} wrong` +
      (answered < outcomes.length ? `, above ${nats(outcomes[order[answered - 1]!]!.total)} nats it does not answer` : "");
    this.#curves(answered / outcomes.length);
  }

  #curves(coverage: number): void {
    const severity = this.#sliders.severities[this.#sliders.active];
    const line = (of: (point: Point) => number) => this.#points.map((point) => ({ x: point.severity, y: of(point) }));
    const along = this.#sliders.label.toLowerCase();
    this.#accuracy.update([{ points: line(({ accuracy }) => accuracy), colour: "var(--ink)", markers: true }], severity);
    this.#uncertainty.update(
      [
        { points: line(({ aleatoric, epistemic }) => aleatoric + epistemic), colour: "var(--ink)", markers: true },
        { points: line(({ aleatoric }) => aleatoric), colour: "var(--aleatoric)", markers: true },
        { points: line(({ epistemic }) => epistemic), colour: "var(--epistemic)", markers: true },
      ],
      severity,
    );
    for (const { element } of [this.#accuracy, this.#uncertainty]) {
      find(element, "figcaption").dataset.along = `against ${along}`;
    }
    this.#risk.update([{ points: riskCoverage(this.#outcomes), colour: "var(--ink)" }], coverage);
  }

  #name(index: number): string {
    return this.#pool!.info.classNames[index]!;
  }

  #fail(error: unknown): void {
    if (!this.#ended) this.#status.error(error, () => void this.#load());
  }
}

export const photos: Page = {
  title: "Photos",
  mount(root) {
    const page = new PhotosPage(root);
    return () => page.end();
  },
};
