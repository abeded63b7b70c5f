import type { Pool } from "bayes8";
import "../styles/charts.css";
import { LineChart } from "../chart/lines.js";
import { create, find, inFrame } from "../lib/dom.js";
import { percent, withArticle } from "../lib/format.js";
import { Newest } from "../lib/newest.js";
import type { Page } from "../lib/page.js";
import { Status } from "../lib/status.js";
import { openModel } from "../model/models.js";
import type { Severities } from "./corruption.js";
import { bySureness, errorsAmong, riskCoverage } from "./coverage.js";
import { curveFinding, riskFinding } from "./findings.js";
import { GalleryGrid, LABELS, loadGallery, type Said } from "./gallery.js";
import { CLASSES, OwnPhoto } from "./own-photo.js";
import "./photos.css";
import { CorruptionSliders } from "./sliders.js";
import { corrupted, curve, GALLERY_SAMPLES, judge, type PictureOutcome, type Point, STEPS } from "./study.js";

const COUNT = LABELS.length;

const MARKUP = `
  <div class="intro">
    <h1>Show it something it has never seen</h1>
    <p class="lead">This network knows ten things: ${CLASSES.slice(0, -1).join(", ")} and ${CLASSES.at(-1)}. See what it says
      about your own photo, and how much it doubts its answer.</p>
  </div>
  <div class="photos">
    <section class="controls" aria-label="Spoil the pictures">
      <h2>Spoil the pictures</h2>
    </section>
    <section class="study" aria-label="Clothes">
      <div class="intro">
        <h2 class="large">Worse pictures, more mistakes</h2>
        <p class="lead">Another network sorts ${COUNT} pictures of clothes. Spoil them with the sliders, and it makes more mistakes.
          Let it answer only when it is sure, and it makes fewer.</p>
      </div>
      <p class="tally" aria-live="polite"><b>…</b> <span></span></p>
      <label class="slider coverage" for="coverage">Answer the surest <output></output>
        <input id="coverage" type="range" min="0.05" max="1" step="0.05" value="1" name="coverage" aria-label="Share of pictures that get an answer" />
      </label>
      <div class="grid"></div>
      <p class="note legend"><span class="key wrong"></span> wrong <span class="key silent"></span> not answered. Touch a
        picture, or move with the arrow keys, to see its answer.</p>
      <div class="curves"></div>
    </section>
  </div>`;

const share = (label: string, ticks: readonly number[]) => ({ label, from: 0, to: 1, ticks, format: percent });

class PhotosPage {
  readonly #root: HTMLElement;
  readonly #sliders = new CorruptionSliders(() => this.#changed());
  readonly #grid = new GalleryGrid();
  readonly #status = new Status();
  readonly #own = new OwnPhoto(this.#sliders.severities);
  readonly #newest = new Newest<Severities>((severities, superseded) => this.#study(severities, superseded));
  readonly #accuracy = new LineChart({
    title: "Accuracy",
    x: share("strength", [0, 0.5, 1]),
    y: share("accuracy", [0, 0.5, 1]),
  });
  readonly #doubt = new LineChart({
    title: "Doubt",
    x: share("strength", [0, 0.5, 1]),
    y: share("doubt", [0, 0.5, 1]),
  });
  readonly #risk = new LineChart({
    title: "Wrong answers",
    x: share("share answered, surest first", [0, 0.5, 1]),
    y: share("wrong", [0, 0.5, 1]),
  });
  readonly #show = inFrame(() => this.#present());
  #pool: Pool | undefined;
  #gallery: Uint8Array[] = [];
  #outcomes: PictureOutcome[] = [];
  /** The last complete curve. */
  #curve: { readonly points: readonly Point[]; readonly damage: string } | undefined;
  readonly #found = create("div", { className: "found" }, create("p"), create("p"));
  #ended = false;

  constructor(root: HTMLElement) {
    this.#root = root;
    root.innerHTML = MARKUP;
    find(root, ".controls").append(this.#sliders.element, this.#status.element);
    find(root, ".grid").replaceWith(this.#grid.element);
    const legend = create("p", { className: "note" });
    legend.innerHTML = `<span class="key total"></span> total <span class="key ambiguity"></span> ambiguity <span class="key unfamiliarity"></span> unfamiliarity`;
    this.#doubt.element.append(legend);
    find(root, ".curves").append(this.#accuracy.element, this.#doubt.element, this.#risk.element, this.#found);
    find(root, ".photos").prepend(this.#own.element);
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
      this.#gallery = await loadGallery();
      this.#gallery.forEach((picture, index) => this.#grid.paint(index, picture));
      this.#pool = await openModel("fashion-resnet14", { onProgress: this.#status.loadingNetwork });
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
    this.#status.loading("Sorting the clothes");
    for (const chart of [this.#accuracy, this.#doubt, this.#risk]) chart.stale = true;
    for await (const { first, pictures } of corrupted(this.#gallery, severities)) {
      pictures.forEach((picture, index) => this.#grid.paint(first + index, picture));
      const outcomes = await judge(pool, pictures, first);
      if (this.#ended) return;
      // The outcomes of the last setting stay until then, so that nothing flickers.
      this.#outcomes.splice(first, outcomes.length, ...outcomes);
      this.#show();
      if (stopped()) return;
    }
    this.#risk.stale = false;
    const damage = this.#sliders.label.toLowerCase();
    this.#status.loading("Measuring the curves");
    for await (const points of curve(pool, this.#gallery, severities, this.#sliders.active, stopped)) {
      if (stopped()) return;
      this.#status.loading("Measuring the curves", points.length / STEPS.length);
      // Half a curve looks broken, so the last one stays until the next is complete.
      if (points.length === STEPS.length) this.#curve = { points, damage };
    }
    if (stopped()) return;
    for (const chart of [this.#accuracy, this.#doubt]) chart.stale = false;
    this.#show();
    this.#status.show(`Measured with ${GALLERY_SAMPLES} samples for each picture.`);
  }

  #present(): void {
    const outcomes = this.#outcomes;
    if (this.#ended || outcomes.length === 0) return;
    const coverage = find<HTMLInputElement>(this.#root, ".coverage input").valueAsNumber;
    const answered = Math.max(1, Math.round(coverage * outcomes.length));
    const order = bySureness(outcomes);
    const said: Said[] = [];
    order.forEach((index, rank) => (said[index] = this.#said(index, rank < answered)));
    this.#grid.mark(said);
    const errors = errorsAmong(outcomes, order, answered);
    find(this.#root, ".coverage output").textContent = `${percent(answered / outcomes.length)} of pictures`;
    find(this.#root, ".tally b").textContent = `${percent(errors / answered)} wrong`;
    const declines = `It declines when its doubt exceeds ${percent(outcomes[order[answered - 1]!]!.total)}.`;
    find(this.#root, ".tally span").textContent =
      `${errors} of ${answered} answers ${errors === 1 ? "is" : "are"} wrong. ${answered < outcomes.length ? declines : "It answers every time."}`;
    this.#curves(answered / outcomes.length);
  }

  #said(index: number, answered: boolean): Said {
    const { right, said, total } = this.#outcomes[index]!;
    const truth = `This is ${withArticle(this.#name(LABELS[index]!))}.`;
    const doubt = `(${percent(total)} doubt)`;
    if (!answered) return { mark: "silent", text: `${truth} The network does not answer ${doubt}.` };
    return right
      ? { mark: "right", text: `${truth} The network agrees ${doubt}.` }
      : { mark: "wrong", text: `${truth} The network takes it for ${withArticle(this.#name(said))} ${doubt}.` };
  }

  #curves(coverage: number): void {
    const now = { x: this.#sliders.severities[this.#sliders.active], label: "now" };
    const all = this.#outcomes.length === COUNT;
    this.#risk.update(all ? [{ points: riskCoverage(this.#outcomes), colour: "var(--ink)" }] : [], { x: coverage, label: "now" });
    const [aboutCurves, aboutRisk] = this.#found.querySelectorAll("p");
    if (all) aboutRisk!.textContent = riskFinding(this.#outcomes);
    if (!this.#curve) return;
    const { points, damage } = this.#curve;
    const line = (colour: string, of: (point: Point) => number) => {
      return { points: points.map((point) => ({ x: point.severity, y: of(point) })), colour: `var(--${colour})`, markers: true };
    };
    this.#accuracy.update([line("ink", ({ accuracy }) => accuracy)], now);
    this.#doubt.update(
      [
        line("ink", ({ ambiguity, unfamiliarity }) => ambiguity + unfamiliarity),
        line("aleatoric", ({ ambiguity }) => ambiguity),
        line("epistemic", ({ unfamiliarity }) => unfamiliarity),
      ],
      now,
    );
    for (const { element } of [this.#accuracy, this.#doubt]) find(element, "figcaption").dataset.along = `as ${damage} grows`;
    aboutCurves!.textContent = curveFinding(points, damage);
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
