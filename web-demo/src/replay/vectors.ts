/** The conformance vectors of the repository, run in this browser and compared with the native reference. */
import cifar10 from "../../../models/cifar10-resnet20.safetensors?url";
import fashion from "../../../models/fashion-resnet14.safetensors?url";
import mnist from "../../../models/mnist-scnn.safetensors?url";
import { detect, type Kernel } from "bayes8";
import { create, find } from "../lib/dom.js";
import { Status } from "../lib/status.js";
import type { Line, Listed, VectorsMessage, VectorsRequest } from "./vectors.worker.js";
import VectorsWorker from "./vectors.worker.js?worker";

const FILES = Object.values(
  // The file of the sampler has no vectors; it is for ports to begin with.
  import.meta.glob<string>(["../../../tests/vectors/*.json", "!../../../tests/vectors/sampler.json"], {
    query: "?url",
    import: "default",
    eager: true,
  }),
);
const MODELS = {
  "models/cifar10-resnet20.safetensors": cifar10,
  "models/fashion-resnet14.safetensors": fashion,
  "models/mnist-scnn.safetensors": mnist,
};

/** What each group tests. Other groups show the description in their file. */
const ABOUT: Readonly<Record<string, string>> = {
  geometry: "Sequences, volumes and transposed convolutions.",
  models: "The models of this demo.",
  networks: "Random networks of up to a dozen layers.",
  noise: "The random noise of every weight.",
  operations: "Single operations, such as a convolution or a pooling layer.",
  weights: "The weights that a sample draws.",
};

const MARKUP = `
  <h2>Check every part of the engine</h2>
  <p class="note">Your browser runs each recorded test and compares the result with the native program, bit for bit. One
    square is one test. Open a group to see the names.</p>
  <fieldset class="kernels"><legend class="sr">Instructions</legend>
    <label><input type="radio" name="kernel" value="baseline" checked /> baseline SIMD</label>
    <label><input type="radio" name="kernel" value="relaxed" /> relaxed SIMD</label>
  </fieldset>
  <p class="total" role="status"><b>…</b></p>
  <div class="groups"></div>`;

interface Group {
  readonly summary: HTMLElement;
  readonly cells: ReadonlyMap<string, { readonly cell: HTMLElement; readonly row: HTMLElement }>;
  passed: number;
}

export class ReplayVectors {
  readonly element = create("section", { className: "card replay-vectors" });
  readonly #status = new Status();
  #worker: Worker | undefined;
  #groups = new Map<string, Group>();
  #passed = 0;
  #other = 0;

  constructor() {
    this.element.innerHTML = MARKUP;
    this.element.setAttribute("aria-label", "Recorded tests");
    find(this.element, ".total").after(this.#status.element);
    for (const input of this.element.querySelectorAll<HTMLInputElement>("[name=kernel]")) {
      if (input.value === "relaxed" && !detect().relaxedSimd) {
        input.disabled = true;
        input.parentElement!.append(" (not available in this browser)");
      }
      input.onchange = () => this.#run(input.value as Kernel);
    }
    this.#run("baseline");
  }

  end(): void {
    this.#worker?.terminate();
  }

  #run(kernel: Kernel): void {
    this.end();
    this.#groups = new Map();
    this.#passed = this.#other = 0;
    find(this.element, ".groups").replaceChildren();
    if (!isSecureContext) return this.#status.error("Browsers compute SHA-256 only on pages served over https or from localhost.");
    this.#status.loading("Loading the tests");
    const worker = new VectorsWorker();
    this.#worker = worker;
    worker.onmessage = ({ data }: MessageEvent<VectorsMessage>) => this.#take(data, kernel);
    worker.onerror = ({ message }) => this.#status.error(`The tests stopped: ${message}`, () => this.#run(kernel));
    const absolute = (address: string) => new URL(address, location.href).href;
    worker.postMessage({
      kernel,
      files: FILES.map(absolute),
      models: Object.fromEntries(Object.entries(MODELS).map(([path, address]) => [path, absolute(address)])),
    } satisfies VectorsRequest);
  }

  #take(message: VectorsMessage, kernel: Kernel): void {
    if (message.kind === "vectors") return this.#list(message.group, message.about, message.vectors);
    if (message.kind === "line") return this.#line(message.line);
    if (message.kind === "error") return this.#status.error(message.message, () => this.#run(kernel));
    this.#total(true);
  }

  #list(group: string, about: string, vectors: readonly Listed[]): void {
    const summary = create("span", { className: "count", textContent: `0 of ${vectors.length}` });
    const squares = create("div", { className: "squares" });
    squares.setAttribute("aria-hidden", "true");
    const rows = create("ul");
    const cells = new Map(
      vectors.map(({ name, logits }) => {
        const cell = create("i", { title: name });
        const row = create("li", {}, create("span", {}, name), create("code", {}, logits.replace("sha256:", "").slice(0, 24)));
        squares.append(cell);
        rows.append(row);
        return [name, { cell, row }] as const;
      }),
    );
    const details = create("details", {}, create("summary", {}, create("b", {}, group), " ", summary, squares), create("p", { className: "note", textContent: ABOUT[group] ?? about }), rows);
    find(this.element, ".groups").append(details);
    this.#groups.set(group, { summary, cells, passed: 0 });
  }

  #line({ vector, kernel, result, message, reason }: Line): void {
    if (vector === undefined) return this.#status.error(reason ?? message ?? result);
    const slash = vector.indexOf("/");
    const group = this.#groups.get(vector.slice(0, slash))!;
    const { cell, row } = group.cells.get(vector.slice(slash + 1))!;
    cell.dataset.result = row.dataset.result = result;
    group.passed += Number(result === "passed");
    group.summary.textContent = `${group.passed} of ${group.cells.size}`;
    if (result === "passed") this.#passed++;
    else this.#other++;
    this.#status.loading(`Running with ${kernel} instructions`);
    this.#total(false, kernel);
  }

  #total(ended: boolean, kernel?: string): void {
    const all = Array.from(this.#groups.values()).reduce((sum, { cells }) => sum + cells.size, 0);
    const total = find(this.element, ".total");
    const failed = this.#other > 0 ? `, ${this.#other} differ` : "";
    find(total, "b").textContent = `${this.#passed} of ${all} identical${failed}`;
    if (kernel) total.dataset.kernel = kernel;
    if (ended) {
      total.dataset.end = String(this.#passed === all && all > 0);
      this.#status.show(`Finished with ${total.dataset.kernel} instructions.`);
    } else delete total.dataset.end;
  }
}
