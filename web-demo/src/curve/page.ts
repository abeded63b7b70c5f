import type { Pool } from "bayes8";
import data from "../../assets/curve.json";
import "../styles/charts.css";
import { create, find } from "../lib/dom.js";
import { Newest } from "../lib/newest.js";
import { FIRST_PREDICTION } from "../lib/offline.js";
import type { Page } from "../lib/page.js";
import { Status } from "../lib/status.js";
import { type CurveName, openModel } from "../model/models.js";
import { BandChart } from "./band.js";
import "./curve.css";
import { finding, interval, number, spoken } from "./findings.js";
import { type Answer, RANGE, type Regression, regression, stages } from "./regression.js";

/** What varies from sample to sample. All networks have seen the same points. */
interface Posterior {
  readonly label: string;
  readonly model: CurveName;
  /** Numbers of samples to choose from. */
  readonly counts: readonly number[];
}

const COUNTS = [1, 2, 4, 8, 16, 32, 64, 128, 256];
/** Samples at first. */
const USUAL = 64;

const POSTERIORS = {
  gaussian: { label: "Gaussian weights", model: "curve-gaussian", counts: COUNTS },
  dropout: { label: "Dropout", model: "curve-dropout", counts: COUNTS },
  ensemble: { label: "An ensemble of eight", model: "curve-ensemble", counts: COUNTS.slice(0, 4) },
} satisfies Record<string, Posterior>;

type PosteriorName = keyof typeof POSTERIORS;

const MARKUP = `
  <div class="intro">
    <h1>A curve that admits what it can’t know</h1>
    <p class="lead">A network has learned a curve from ${data.points.length} points. Where there are points, its answers agree. In the gap and
      beyond the ends, they part, and the band around them grows.</p>
  </div>
  <div class="curve">
    <section class="shown" aria-label="Curve">
      <label class="where"><span class="sr">Place on the curve</span>
        <input type="range" name="place" min="${RANGE.from}" max="${RANGE.to}" step="${RANGE.step}" /></label>
      <p class="note legend" aria-hidden="true">
        <span><i class="point"></i> a point to learn from</span>
        <span><i class="mean"></i> average answer</span>
        <span><i class="function"></i> one sample’s answer</span>
        <span><i class="noise"></i> noise of the data</span>
        <span><i class="doubt"></i> doubt of the model</span>
      </p>
    </section>
    <section class="answers" aria-label="Answer">
      <div class="verdict">
        <p class="kicker"><b class="at"></b><span class="count"></span></p>
        <div><p class="answer">One moment…</p><p class="reason"></p></div>
      </div>
      <dl class="parts">
        <dt style="--swatch:var(--aleatoric)">from the data</dt><dd data-value="noise">–</dd>
        <dt style="--swatch:var(--epistemic)">from the model</dt><dd data-value="doubt">–</dd>
      </dl>
      <p class="finding"></p>
      <div class="controls">
        <label class="posterior">What varies <select></select></label>
        <label class="slider" for="samples">Samples <output></output><input id="samples" type="range" name="samples" min="0" step="1" /></label>
      </div>
      <details class="terms">
        <summary>What do these numbers mean?</summary>
        <p>A <b>sample</b> is one network, drawn at random from all that fit the points. It is one curve: one of the thin lines.</p>
        <p>The <b>band</b> should hold 95 of 100 new points: it reaches 1.96 standard deviations up and down from the average.</p>
        <p><b>From the data</b> is the scatter that the network has seen in the points themselves. More points would not
          remove it. The technical term is aleatoric uncertainty.</p>
        <p><b>From the model</b> is the disagreement of the lines. More points would bring them together. The technical
          term is epistemic uncertainty.</p>
        <p>Each number is what the band would be from that part alone. They add up as the sides of a right triangle: the square
          of the whole is the sum of their squares.</p>
        <p>The points cannot be moved. The networks were trained on them beforehand, and other points would need other
          networks.</p>
      </details>
    </section>
  </div>`;

/** The choices outlive the page, so that they are there when the visitor comes back. */
let posterior: PosteriorName = "gaussian";
let samples = USUAL;
/** The middle of the gap. */
let place = 0;

class CurvePage {
  readonly #root: HTMLElement;
  readonly #status = new Status();
  readonly #chart = new BandChart({
    points: data.points.map(([x, y]) => ({ x: x!, y: y! })),
    x: { label: "x", from: RANGE.from, to: RANGE.to, ticks: [-4, -2, 0, 2, 4], format: tick },
    y: { label: "y", from: -4, to: 4, ticks: [-4, -2, 0, 2, 4], format: tick },
    onPoint: (x) => this.#point(x),
  });
  readonly #newest = new Newest<Pool>((pool, superseded) => this.#refine(pool, superseded));
  #pool: Pool | undefined;
  #regression: Regression | undefined;
  #ended = false;

  constructor(root: HTMLElement) {
    this.#root = root;
    root.innerHTML = MARKUP;
    find(root, ".where").before(this.#chart.element);
    find(root, ".verdict .reason").after(this.#status.element);
    const select = find<HTMLSelectElement>(root, "select");
    const options = Object.entries(POSTERIORS);
    select.append(...options.map(([value, { label: textContent }]) => create("option", { value, textContent })));
    select.value = posterior;
    select.onchange = () => {
      posterior = select.value as PosteriorName;
      void this.#load();
    };
    const slider = find<HTMLInputElement>(root, "[name=samples]");
    slider.oninput = () => {
      samples = POSTERIORS[posterior].counts[slider.valueAsNumber]!;
      this.#changed();
    };
    const where = find<HTMLInputElement>(root, "[name=place]");
    where.value = String(place);
    where.oninput = () => this.#point(where.valueAsNumber);
    void this.#load();
  }

  end(): void {
    this.#ended = true;
    this.#pool?.dispose();
  }

  async #load(): Promise<void> {
    this.#pool?.dispose();
    this.#pool = undefined;
    const chosen = posterior;
    const { model, counts }: Posterior = POSTERIORS[chosen];
    samples = Math.min(samples, counts.at(-1)!);
    find<HTMLInputElement>(this.#root, "[name=samples]").max = String(counts.length - 1);
    this.#changed();
    try {
      this.#status.loading("Loading the network");
      const pool = await openModel(model, { workers: 1, onProgress: this.#status.loadingNetwork });
      // The page may be left, or another network chosen, while this one loads.
      if (this.#ended || chosen !== posterior) return pool.dispose();
      this.#pool = pool;
      this.#status.show("");
      this.#changed();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    if (this.#ended) return;
    this.#pool?.dispose();
    this.#pool = undefined;
    this.#regression = undefined;
    find(this.#root, ".answer").textContent = "No answer";
    find(this.#root, ".reason").textContent = "";
    this.#status.error(error, () => void this.#load());
  }

  /** The number of samples or the network has changed. */
  #changed(): void {
    const slider = find<HTMLInputElement>(this.#root, "[name=samples]");
    const { counts }: Posterior = POSTERIORS[posterior];
    slider.value = String(counts.indexOf(samples));
    slider.setAttribute("aria-valuetext", String(samples));
    find(this.#root, ".slider output").textContent = String(samples);
    // Screen readers wait for the final result.
    find(this.#root, ".curve").setAttribute("aria-busy", "true");
    if (this.#pool) void this.#newest.request(this.#pool);
  }

  async #refine(pool: Pool, superseded: () => boolean): Promise<void> {
    const current = () => pool === this.#pool && !superseded() && !this.#ended;
    try {
      for (const count of stages(samples)) {
        const refined = await regression(pool, count);
        await nextFrame();
        if (!current()) return;
        this.#regression = refined;
        this.#present(refined);
      }
      find(this.#root, ".curve").setAttribute("aria-busy", "false");
    } catch (error) {
      // A network is disposed of once another one is chosen.
      if (current()) this.#fail(error);
    }
  }

  #present(regression: Regression): void {
    // For measurements of the time until the first prediction.
    if (!performance.getEntriesByName(FIRST_PREDICTION).length) performance.mark(FIRST_PREDICTION);
    this.#chart.update(regression);
    find(this.#root, ".count").textContent = `${regression.samples} of ${samples} ${samples === 1 ? "sample" : "samples"}`;
    this.#point(place);
  }

  /** Reads the curve at the place nearest to `x`. */
  #point(x: number): void {
    const answers = this.#regression?.answers;
    place = x;
    if (!answers) return;
    const answer = answers[Math.round((x - RANGE.from) / RANGE.step)]!;
    this.#chart.point(answer);
    this.#say(answer);
  }

  #say(answer: Answer): void {
    const say = (part: string, words: string) => (find(this.#root, part).textContent = words);
    say(".verdict .at", `x = ${number(answer.x)}`);
    say(".answer", `y = ${number(answer.mean)}`);
    say(".reason", interval(answer));
    say("[data-value=noise]", `± ${number(answer.noise)}`);
    say("[data-value=doubt]", `± ${number(answer.doubt)}`);
    say(".finding", finding(answer));
    const where = find<HTMLInputElement>(this.#root, "[name=place]");
    where.value = String(answer.x);
    where.setAttribute("aria-valuetext", spoken(answer));
  }
}

const nextFrame = () => new Promise((resolve) => requestAnimationFrame(resolve));

function tick(value: number): string {
  return String(value).replace("-", "−");
}

export const curve: Page = {
  title: "Curve",
  mount(root) {
    const page = new CurvePage(root);
    return () => page.end();
  },
};
