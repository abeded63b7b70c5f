import { detect, type Kernel, type Pool } from "bayes8";
import "../styles/charts.css";
import { LineChart } from "../chart/lines.js";
import { create, find, inFrame } from "../lib/dom.js";
import type { Page } from "../lib/page.js";
import { Status } from "../lib/status.js";
import { EXAMPLES } from "../draw/examples.js";
import { rasterize } from "../draw/raster.js";
import { MODEL_NAMES, type ModelName, openModel } from "../model/models.js";
import { best } from "../model/samples.js";
import { measure, type Rate, type Setting, TOGETHER } from "./measure.js";
import "./speed.css";

/** Samples of the curve of precision, and how much more each of its points has than the one before. */
const MOST = 1024;
const SPACING = 1.2;

const MARKUP = `
  <div class="intro">
    <h1>What certainty costs</h1>
    <p class="lead">Samples are independent: workers share them without a word to each other. Four times the samples halve the
      error of the estimate, whatever it is of.</p>
  </div>
  <div class="speed">
    <section class="card" aria-label="Speed in this browser">
      <h2>Image-samples a second, here</h2>
      <div class="choose"><label class="sr" for="speed-model">Model</label> <select id="speed-model"></select>
        <button type="button" class="button" data-again>Measure again</button></div>
      <table><thead class="sr"><tr><th>Kernel and workers</th><th>Rate</th></tr></thead><tbody></tbody></table>
      <p class="note">Pictures times weight samples, ${TOGETHER} pictures together. Each sample draws all weights anew.</p>
    </section>
    <section class="card precision" aria-label="Precision against samples">
      <h2>How precise the answer gets</h2>
      <p class="note">The unclear four of the first page, samples as they arrive: standard error of the probability of the likelier class; dashed, one over the root of the samples.</p>
      <p class="now" role="status"><b>…</b></p>
    </section>
  </div>`;

interface Row {
  readonly setting: Setting;
  readonly element: HTMLElement;
}

class SpeedPage {
  readonly #root: HTMLElement;
  readonly #status = new Status();
  readonly #rows: readonly Row[];
  readonly #rates = new Map<Setting, Rate>();
  readonly #precision = new LineChart({
    title: "Standard error",
    x: { label: "samples", from: 2, to: MOST, ticks: [2, 8, 32, 128, 512], format: String, logarithmic: true },
    y: {
      label: "standard error",
      from: 0.005,
      to: 0.4,
      ticks: [0.01, 0.03, 0.1, 0.3],
      format: (value) => `${Math.round(value * 1000) / 10} %`,
      logarithmic: true,
    },
  });
  readonly #points: { x: number; y: number }[] = [];
  readonly #draw = inFrame(() => this.#present());
  readonly #ending = new AbortController();
  #turn = 0;

  constructor(root: HTMLElement) {
    this.#root = root;
    root.innerHTML = MARKUP;
    this.#rows = settings().map((setting) => ({ setting, element: row(setting) }));
    find(root, "tbody").append(...this.#rows.map(({ element }) => element));
    find(root, "table").after(this.#status.element);
    find(root, ".precision").append(this.#precision.element);
    const select = find<HTMLSelectElement>(root, "select");
    select.append(...MODEL_NAMES.map((value) => create("option", { value, textContent: value })));
    select.onchange = () => void this.#measure();
    find(root, "[data-again]").onclick = () => void this.#measure();
    void this.#run();
  }

  end(): void {
    this.#ending.abort();
  }

  /** One after the other: both at once would share the processor. */
  async #run(): Promise<void> {
    await this.#refine();
    await this.#measure();
  }

  async #measure(): Promise<void> {
    const turn = ++this.#turn;
    const stopped = () => turn !== this.#turn || this.#ending.signal.aborted;
    const model = find<HTMLSelectElement>(this.#root, "select").value as ModelName;
    this.#rates.clear();
    this.#draw();
    try {
      for (const { setting } of this.#rows) {
        if (stopped()) return;
        this.#status.loading("Measuring");
        await measure(model, setting, (rate) => this.#take(rate, stopped()), stopped);
      }
      if (!stopped()) this.#status.show("Measured in this browser, just now.");
    } catch (error) {
      if (!stopped()) this.#status.error(error, () => void this.#measure());
    }
  }

  #take(rate: Rate, late: boolean): void {
    if (late) return;
    this.#rates.set(rate.setting, rate);
    this.#draw();
  }

  async #refine(): Promise<void> {
    let pool: Pool | undefined;
    const { signal } = this.#ending;
    try {
      pool = await openModel("mnist-scnn", { workers: 1 });
      for await (const { samples, probabilities, std } of pool.stream(rasterize(EXAMPLES.ambiguous), { samples: MOST, signal })) {
        if (samples < MOST && samples < SPACING * (this.#points.at(-1)?.x ?? 1)) continue;
        this.#points.push({ x: samples, y: std[best(probabilities)]! / Math.sqrt(samples) });
        this.#draw();
      }
    } catch (error) {
      if (!signal.aborted) this.#status.error(error, () => void this.#run());
    } finally {
      pool?.dispose();
    }
  }

  #present(): void {
    const fastest = Math.max(...Array.from(this.#rates.values(), ({ rate }) => rate), 1);
    for (const { setting, element } of this.#rows) {
      const rate = this.#rates.get(setting)?.rate;
      find(element, "output").textContent = rate === undefined ? "–" : Math.round(rate).toLocaleString("en");
      find(element, ".length").style.transform = `scaleX(${(rate ?? 0) / fastest})`;
    }
    const last = this.#points.at(-1);
    if (!last) return;
    find(this.#root, ".now b").textContent = `± ${(100 * last.y).toFixed(1)} points after ${last.x} samples`;
    const expected = [2, MOST].map((x) => ({ x, y: last.y * Math.sqrt(last.x / x) }));
    this.#precision.update([
      { points: expected, colour: "var(--line-strong)", dashed: true },
      { points: this.#points, colour: "var(--ink)", markers: true },
    ]);
  }
}

/** One worker and all, with each kernel that runs here. */
function settings(): Setting[] {
  const kernels: Kernel[] = detect().relaxedSimd ? ["baseline", "relaxed"] : ["baseline"];
  const all = Math.max(1, navigator.hardwareConcurrency || 1);
  const workers = all > 1 ? [1, all] : [1];
  return kernels.flatMap((kernel) => workers.map((workers) => ({ kernel, workers })));
}

function row({ kernel, workers }: Setting): HTMLElement {
  const element = create("tr");
  element.innerHTML = `<th scope="row">${kernel} <span>${workers} ${workers === 1 ? "worker" : "workers"}</span></th>
    <td><span class="rate"><i class="length" aria-hidden="true"></i></span><output>–</output></td>`;
  return element;
}

export const speed: Page = {
  title: "Speed",
  mount(root) {
    const page = new SpeedPage(root);
    return () => page.end();
  },
};
