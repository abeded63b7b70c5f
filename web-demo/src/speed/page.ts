import { detect, type Kernel, type Pool } from "bayes8";
import "../styles/charts.css";
import { LineChart } from "../chart/lines.js";
import { create, find, inFrame } from "../lib/dom.js";
import type { Page } from "../lib/page.js";
import { Status } from "../lib/status.js";
import { EXAMPLES } from "../draw/examples.js";
import { rasterize } from "../draw/raster.js";
import { MODEL_LABELS, MODEL_NAMES, type ModelName, openModel } from "../model/models.js";
import { best } from "../model/samples.js";
import { measure, type Rate, scaleEnd, type Setting, TOGETHER } from "./measure.js";
import "./speed.css";

/** Samples of the precision curve, and the ratio of samples between its neighbouring points. */
const MOST = 1024;
const SPACING = 1.2;

const MARKUP = `
  <div class="intro">
    <h1>What does doubt cost?</h1>
    <p class="lead">An ordinary network answers once. This one answers many times, and every answer takes time. The samples
      don’t depend on each other, so several workers can share them.</p>
  </div>
  <div class="speed">
    <section class="card" aria-label="Speed">
      <h2>How fast is your machine?</h2>
      <div class="choose"><label class="sr" for="speed-model">Model</label> <select id="speed-model"></select>
        <button type="button" class="button" data-again>Measure again</button></div>
      <table>
        <caption>Answers per second, one sample each</caption>
        <thead class="sr"><tr><th>Instructions and workers</th><th>Answers per second</th></tr></thead>
        <tbody></tbody>
        <tfoot aria-hidden="true"><tr><td></td><td><span class="scale"><span>0</span><span></span><span></span></span></td></tr></tfoot>
      </table>
      <p class="note">The bar ends at the median of several runs. The line through its end reaches from the slowest run to the
        fastest.</p>
      <details class="terms">
        <summary>What is measured?</summary>
        <p>The network gets ${TOGETHER} pictures at once. Each sample draws every weight anew and answers for all of them. Relaxed
          SIMD is a newer set of processor instructions; the bits of the answers are the same.</p>
      </details>
    </section>
    <section class="card precision" aria-label="Precision">
      <h2>How many samples are enough?</h2>
      <p class="note">The network looks at a drawing between 4 and 9. More samples pin down the probability of its answer. Four times as
        many samples halve the margin of error (dashed line).</p>
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
    title: "Margin of error",
    x: { label: "samples", from: 2, to: MOST, ticks: [2, 8, 32, 128, 512], format: String, logarithmic: true },
    y: {
      label: "margin of error",
      from: 0.005,
      to: 0.4,
      ticks: [0.01, 0.03, 0.1, 0.3],
      format: (value) => `${Math.round(value * 1000) / 10}%`,
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
    find(root, ".precision").append(this.#precision.element, terms());
    const select = find<HTMLSelectElement>(root, "select");
    select.append(...MODEL_NAMES.map((value) => create("option", { value, textContent: MODEL_LABELS[value] })));
    select.onchange = () => void this.#measure();
    find(root, "[data-again]").onclick = () => void this.#measure();
    void this.#run();
  }

  end(): void {
    this.#ending.abort();
  }

  /** One measurement after the other: at the same time, they would share the processor. */
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
        this.#status.loading("Measuring…");
        await measure(model, setting, (rate) => this.#take(rate, stopped()), stopped);
      }
      if (!stopped()) this.#status.show("Measured in your browser, just now.");
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
      pool = await openModel("mnist-cnn", { workers: 1 });
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
    const rates = Array.from(this.#rates.values());
    const end = scaleEnd(Math.max(...rates.map(({ fastest }) => fastest), 1));
    const [, middle, right] = find(this.#root, ".scale").children;
    middle!.textContent = rates.length ? whole(end / 2) : "";
    right!.textContent = rates.length ? whole(end) : "";
    for (const { setting, element } of this.#rows) {
      const measured = this.#rates.get(setting);
      const at = (value: number | undefined) => `${(100 * (value ?? 0)) / end}%`;
      find(element, "output").textContent = measured ? whole(measured.rate) : "–";
      find(element, ".range").textContent = measured ? `${whole(measured.slowest)}–${whole(measured.fastest)}` : "";
      find(element, ".length").style.width = at(measured?.rate);
      const spread = find(element, ".spread");
      spread.hidden = !measured;
      spread.style.left = at(measured?.slowest);
      spread.style.right = at(measured && end - measured.fastest);
    }
    const last = this.#points.at(-1);
    if (!last) return;
    find(this.#root, ".now b").textContent = `± ${(100 * last.y).toFixed(1)} percentage points after ${whole(last.x)} samples`;
    const expected = [2, MOST].map((x) => ({ x, y: last.y * Math.sqrt(last.x / x) }));
    this.#precision.update([
      { points: expected, colour: "var(--line-strong)", dashed: true },
      { points: this.#points, colour: "var(--ink)", markers: true },
    ]);
  }
}

/** One worker and one per processor thread, with each kernel that runs here. */
function settings(): Setting[] {
  const kernels: Kernel[] = detect().relaxedSimd ? ["baseline", "relaxed"] : ["baseline"];
  const all = Math.max(1, navigator.hardwareConcurrency || 1);
  const workers = all > 1 ? [1, all] : [1];
  return kernels.flatMap((kernel) => workers.map((workers) => ({ kernel, workers })));
}

function row({ kernel, workers }: Setting): HTMLElement {
  const element = create("tr");
  element.innerHTML = `<th scope="row">${NAMES[kernel]} <span>${workers} ${workers === 1 ? "worker" : "workers"}</span></th>
    <td><span class="rate" aria-hidden="true"><i class="length"></i><i class="spread" hidden></i></span>
      <span class="figures"><output>–</output> <span class="range"></span></span></td>`;
  return element;
}

function terms(): HTMLElement {
  const element = create("details", { className: "terms" });
  element.innerHTML = `<summary>What is the margin of error?</summary>
    <p>It is one standard error. About two times in three, the answer of infinitely many samples lies within it.</p>`;
  return element;
}

const NAMES: Readonly<Record<Kernel, string>> = { baseline: "Baseline SIMD", relaxed: "Relaxed SIMD" };
const whole = (value: number): string => Math.round(value).toLocaleString("en");

export const speed: Page = {
  title: "Speed",
  mount(root) {
    const page = new SpeedPage(root);
    return () => page.end();
  },
};
