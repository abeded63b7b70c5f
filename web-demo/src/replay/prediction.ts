/** One prediction, from a link: the same bits on every machine, and the command line that repeats it. */
import type { Pool, Prediction } from "bayes8";
import { copy } from "../lib/copy.js";
import { create, find } from "../lib/dom.js";
import { percent } from "../lib/format.js";
import { Newest } from "../lib/newest.js";
import { Status } from "../lib/status.js";
import { doubtOf } from "../model/doubt.js";
import { MODEL_LABELS, MODEL_NAMES, type ModelName, openModel } from "../model/models.js";
import { command, fromParameters, MOST_SAMPLES, parseSamples, parseSeed, PICTURE_FILE, type Replay, toHash } from "./link.js";
import { load, nativeDigest, PICTURE_NAMES, show } from "./shipped-pictures.js";

const FALLBACK: Replay = { model: "fashion-resnet14", picture: { name: "shirt-4.png" }, seed: 7n, samples: 8 };
/** Value of the option for the picture that came with the link. */
const FROM_LINK = "";

const MARKUP = `
  <h2>Repeat one prediction</h2>
  <p class="match" role="status"></p>
  <a class="another" href="#replay" hidden>Try another prediction</a>
  <form class="fields">
    <label>Model <select name="model"></select></label>
    <label>Picture <select name="picture"></select></label>
    <label>Seed <input name="seed" inputmode="numeric" autocomplete="off" /></label>
    <label>Samples <input name="samples" type="number" min="1" max="${MOST_SAMPLES}" /></label>
  </form>
  <div class="outcome">
    <canvas width="28" height="28" role="img" aria-label="The picture"></canvas>
    <dl>
      <dt>Answer</dt><dd data-field="answer">…</dd>
      <dt>Doubt</dt><dd data-field="doubt">…</dd>
      <dt>Digest</dt><dd><code data-field="digest">…</code></dd>
    </dl>
  </div>
  <details class="terms">
    <summary>What is a digest?</summary>
    <p>It is a fingerprint (SHA-256) of the raw numbers behind the answer, one for each sample and class. If two machines
      differ in a single bit, their digests differ.</p>
    <p>The <b>seed</b> starts the random numbers that choose the weights of each sample. The same seed gives the same samples.</p>
  </details>
  <div class="copy"><span class="note">Send this link. The browser that opens it says whether its bits are the same.</span>
    <div><code data-copy="link"></code><button type="button" class="button" data-for="link">Copy link</button></div></div>
  <div class="copy"><span class="note">Run this command. It prints the same digest as <code>logits_digest</code>.
      <a class="save" download="${PICTURE_FILE}" hidden>Save the picture</a></span>
    <div><code data-copy="command"></code><button type="button" class="button" data-for="command">Copy command</button></div></div>`;

const DAMAGED = "This link is damaged: part of it was lost or changed on the way. Ask for the link again.";

export class ReplayPrediction {
  readonly element = create("section", { className: "card replay-one" });
  readonly #status = new Status();
  readonly #newest = new Newest<Replay>((replay) => this.#predict(replay));
  #replay: Replay;
  #linked: Replay["picture"] | undefined;
  #open: { readonly name: ModelName; readonly pool: Pool } | undefined;
  #running = new AbortController();
  #ended = false;

  constructor(parameters: URLSearchParams) {
    const asked = fromParameters(parameters, FALLBACK);
    this.#replay = asked ?? FALLBACK;
    if ("bytes" in this.#replay.picture) this.#linked = this.#replay.picture;
    this.element.innerHTML = MARKUP;
    this.element.setAttribute("aria-label", "One prediction");
    find(this.element, "form").after(this.#status.element);
    this.#fill();
    find<HTMLFormElement>(this.element, "form").onsubmit = (event) => event.preventDefault();
    find(this.element, "form").oninput = () => this.#read();
    for (const button of this.element.querySelectorAll<HTMLButtonElement>("[data-for]")) {
      const shown = find(this.element, `[data-copy=${button.dataset.for}]`);
      button.onclick = () => void copy(shown.textContent ?? "", button, shown);
    }
    if (asked) this.#changed();
    else this.#refuse();
  }

  end(): void {
    this.#ended = true;
    this.#running.abort();
    this.#open?.pool.dispose();
  }

  #field<E extends HTMLInputElement | HTMLSelectElement = HTMLInputElement>(name: string): E {
    return find<E>(this.element, `[name=${name}]`);
  }

  #fill(): void {
    const option = (value: string, text = value) => create("option", { value, textContent: text });
    const { model, picture, seed, samples } = this.#replay;
    this.#field("model").append(...MODEL_NAMES.map((name) => option(name, MODEL_LABELS[name])));
    this.#field("picture").append(
      ...(this.#linked ? [option(FROM_LINK, "From the link")] : []),
      ...PICTURE_NAMES.map((name) => option(name)),
    );
    this.#field("model").value = model;
    this.#field("picture").value = "name" in picture ? picture.name : FROM_LINK;
    this.#field("seed").value = String(seed);
    this.#field("samples").value = String(samples);
  }

  /** Reads the form. The digest of the link is dropped: it only holds for the prediction of the link. */
  #read(): void {
    const [seed, samples] = [parseSeed(this.#field("seed").value), parseSamples(this.#field("samples").value)];
    this.#field("seed").setAttribute("aria-invalid", String(seed === undefined));
    this.#field("samples").setAttribute("aria-invalid", String(samples === undefined));
    if (seed === undefined) return this.#status.error("The seed must be a whole number from 0 to 2⁶⁴ − 1.");
    if (samples === undefined) return this.#status.error(`The number of samples must be a whole number from 1 to ${MOST_SAMPLES}.`);
    const name = this.#field("picture").value;
    const picture = name === FROM_LINK && this.#linked ? this.#linked : { name };
    this.#replay = { model: this.#field("model").value as ModelName, picture, seed, samples };
    this.#changed();
  }

  #changed(): void {
    find(this.element, "[data-copy=command]").textContent = command(this.#replay);
    this.#running.abort();
    this.#newest.request(this.#replay).catch((error) => {
      if (!this.#ended) this.#status.error(error, () => this.#changed());
    });
  }

  async #predict(replay: Replay): Promise<void> {
    this.#status.loading("Predicting");
    this.#running = new AbortController();
    const { signal } = this.#running;
    const canvas = find<HTMLCanvasElement>(this.element, "canvas");
    await show(canvas, replay.picture);
    const pool = await this.#model(replay.model);
    const picture = await load(replay.picture);
    if (this.#ended) return;
    if (!picture) return this.#status.error("This page has no picture of that name.");
    const options = { seed: replay.seed, samples: replay.samples, logits: true, signal };
    const prediction = await pool.predict(picture, options).catch((error) => {
      if (!signal.aborted) throw error;
    });
    if (!prediction) return;
    this.#status.show(`Computed by ${pool.workers} ${pool.workers === 1 ? "worker" : "workers"} with ${pool.kernel} instructions.`);
    this.#present(replay, prediction);
    const save = find<HTMLAnchorElement>(this.element, ".save");
    save.hidden = "name" in replay.picture;
    if (!save.hidden) save.href = canvas.toDataURL("image/png");
  }

  async #model(name: ModelName): Promise<Pool> {
    if (this.#open?.name === name) return this.#open.pool;
    this.#open?.pool.dispose();
    this.#open = undefined;
    const pool = await openModel(name);
    if (this.#ended) pool.dispose();
    this.#open = { name, pool };
    return pool;
  }

  #present(replay: Replay, prediction: Prediction): void {
    const digest = prediction.logitsDigest!;
    const set = (name: string, text: string) => (find(this.element, `[data-field=${name}]`).textContent = text);
    set("answer", prediction.top(2).map(({ name, probability }) => `${name} ${percent(probability)}`).join(", "));
    const doubt = doubtOf(prediction);
    set("doubt", `${percent(doubt.total)} (ambiguity ${percent(doubt.ambiguity)}, unfamiliarity ${percent(doubt.unfamiliarity)})`);
    set("digest", digest);
    find(this.element, "[data-copy=link]").textContent = location.href.replace(/#.*/s, "") + toHash({ ...replay, digest });
    this.#compare(digest, replay.digest ?? nativeDigest(replay), replay.digest ? "the machine that made this link" : "the native program");
  }

  #compare(digest: string, expected: string | undefined, by: string): void {
    if (expected === undefined) this.#match("none", "Nothing to compare with yet. Open the link below on another machine.");
    else if (expected === digest) this.#match("true", `The same bits as ${by}.`);
    else this.#match("false", `Not the same bits as ${by}, which got ${expected}.`);
  }

  /** Says that the link is damaged, and shows nothing else. */
  #refuse(): void {
    this.#match("damaged", DAMAGED);
    this.element.classList.add("damaged");
    find(this.element, ".another").hidden = false;
  }

  #match(match: "true" | "false" | "none" | "damaged", text: string): void {
    const element = find(this.element, ".match");
    element.dataset.match = match;
    element.textContent = text;
  }
}
