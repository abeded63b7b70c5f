import "../styles/charts.css";
import { SplitChart } from "../chart/split.js";
import { find, inFrame } from "../lib/dom.js";
import { FIRST_PREDICTION } from "../lib/offline.js";
import { Pace } from "../lib/pace.js";
import type { Page } from "../lib/page.js";
import { PhotoSource } from "../lib/photo-source.js";
import { Status } from "../lib/status.js";
import type { Doubt } from "../model/doubt.js";
import { CLASSES } from "./classes.js";
import { type Example, EXAMPLES } from "./examples.js";
import { answer, reason, spoken, title } from "./findings.js";
import { HEIGHT, type Place, read, type SceneMap, WIDTH } from "./map.js";
import { Maps } from "./maps.js";
import "./scenes.css";
import { Segmenter } from "./segmenter.js";

const SAMPLES = 32;
/** Samples for each frame of the camera. */
const LIVE_SAMPLES = 3;

const MARKUP = `
  <div class="intro">
    <h1>A map of what it doubts</h1>
    <p class="lead">This network finds ${CLASSES.length} kinds of things in a street, such as road, car and person. For each place in the picture,
      it says what is there, and how much it doubts that.</p>
  </div>
  <div class="scenes">
    <section class="source" aria-label="Your photo">
      <p class="note">You can also drop or paste a picture. Scenes by Greg Zaal, cat by Stefan van der Walt (CC0).</p>
    </section>
    <section class="shown" aria-label="Maps"></section>
    <section class="verdict" aria-label="Answer">
      <p class="kicker"><b>The whole picture</b><span class="count"></span></p>
      <div aria-live="polite"><p class="answer">One moment…</p><p class="reason"></p></div>
      <p class="lesson"></p>
    </section>
    <section class="reading" aria-label="At the ring">
      <p class="kicker"><b>At the ring</b><span>Point at a place in one of the maps.</span></p>
      <p class="title">–</p>
      <p class="sr" aria-live="polite"></p>
    </section>
  </div>`;

/** The choices outlive the page, so that they are there when the visitor comes back. */
let place: Place = { x: WIDTH >> 1, y: HEIGHT >> 1 };
let figure: keyof Doubt = "total";

class ScenesPage {
  readonly #root: HTMLElement;
  readonly #status = new Status();
  readonly #split = new SplitChart();
  readonly #source: PhotoSource<Example>;
  readonly #maps = new Maps({
    place,
    figure,
    onPlace: (chosen) => {
      place = chosen;
      this.#read();
      this.#speak();
    },
    onFigure: (chosen) => (figure = chosen),
  });
  #segmenter: Segmenter | undefined;
  #shown: { readonly picture: ImageData; readonly example: Example | undefined } | undefined;
  #map: SceneMap | undefined;
  #pace = new Pace();
  #ended = false;
  readonly #show = inFrame(() => this.#present());

  constructor(root: HTMLElement) {
    this.#root = root;
    root.innerHTML = MARKUP;
    this.#source = new PhotoSource<Example>({
      examples: Object.values(EXAMPLES),
      width: WIDTH,
      height: HEIGHT,
      status: this.#status,
      onPhoto: (picture, example) => {
        this.#put(picture, example);
        this.#map = undefined;
        this.#maps.wait();
        this.#changed();
      },
      onFrame: (picture) => this.#frame(picture),
      onLive: () => this.#liveChanged(),
      onError: (error) => this.#fail(error),
    });
    find(root, ".source").prepend(this.#source.examples, this.#source.buttons);
    find(root, ".shown").append(this.#maps.element);
    find(root, ".verdict .reason").after(this.#status.element);
    find(root, ".reading").append(this.#split.element);
    void this.#load();
    void this.#source.show(EXAMPLES.promenade);
  }

  end(): void {
    this.#ended = true;
    this.#source.end();
    this.#segmenter?.dispose();
  }

  async #load(): Promise<void> {
    try {
      this.#segmenter?.dispose();
      this.#segmenter = undefined;
      this.#status.loading("Loading the network");
      const segmenter = await Segmenter.open(this.#status.loadingNetwork);
      if (this.#ended) return segmenter.dispose();
      this.#segmenter = segmenter;
      this.#status.show("");
      this.#changed();
    } catch (error) {
      this.#fail(error);
    }
  }

  #put(picture: ImageData, example: Example | undefined): void {
    this.#shown = { picture, example };
    this.#maps.picture(picture);
    find(this.#root, ".lesson").textContent = example?.lesson ?? "";
  }

  #changed(): void {
    // Screen readers wait for the final result.
    find(this.#root, ".scenes").setAttribute("aria-busy", "true");
    if (this.#segmenter && this.#shown && !this.#source.live) {
      this.#refine(this.#segmenter, this.#shown.picture).catch((error) => this.#fail(error));
    }
  }

  async #refine(segmenter: Segmenter, picture: ImageData): Promise<void> {
    const begin = performance.now();
    const count = find(this.#root, ".count");
    delete count.dataset.first;
    const complete = await segmenter.predict({ picture, samples: SAMPLES, refine: true }, (map) => {
      // For measurements of the time until the first map, and of the pace.
      const now = performance.now();
      count.dataset.first ??= (now - begin).toFixed(0);
      count.dataset.pace = ((1000 * map.samples) / (now - begin)).toFixed(1);
      count.textContent = `${map.samples} of ${SAMPLES} samples`;
      this.#map = map;
      this.#show();
    });
    if (complete) find(this.#root, ".scenes").setAttribute("aria-busy", "false");
  }

  async #frame(picture: ImageData): Promise<void> {
    this.#put(picture, undefined);
    await this.#segmenter?.predict({ picture, samples: LIVE_SAMPLES, refine: false }, (map) => {
      this.#map = map;
      this.#show();
      const rate = this.#pace.tick(performance.now());
      if (rate === undefined) return;
      const count = find(this.#root, ".count");
      count.dataset.rate = rate.toFixed(1);
      count.textContent = `${rate.toFixed(1)} maps per second, ${LIVE_SAMPLES} samples each`;
    });
  }

  #liveChanged(): void {
    this.#pace = new Pace();
    find(this.#root, ".count").textContent = "";
    this.#segmenter?.stop();
    // The last frame stays, as a photo.
    this.#changed();
  }

  #present(): void {
    if (this.#ended || !this.#map) return;
    if (!performance.getEntriesByName(FIRST_PREDICTION).length) performance.mark(FIRST_PREDICTION);
    this.#maps.update(this.#map);
    find(this.#root, ".answer").textContent = answer(this.#map);
    find(this.#root, ".reason").textContent = reason(this.#map);
    this.#read();
  }

  /** Reads the map at the place. */
  #read(): void {
    if (!this.#map) return;
    const reading = read(this.#map, place);
    find(this.#root, ".title").textContent = title(reading);
    this.#split.show(reading.doubt);
  }

  /** Only for a place that the visitor chose, and not for each map. */
  #speak(): void {
    if (this.#map) find(this.#root, ".reading [aria-live]").textContent = spoken(read(this.#map, place));
  }

  #fail(error: unknown): void {
    if (this.#ended) return;
    this.#segmenter?.dispose();
    this.#segmenter = undefined;
    find(this.#root, ".answer").textContent = "No answer";
    find(this.#root, ".reason").textContent = "";
    this.#status.error(error, () => void this.#load());
  }
}

export const scenes: Page = {
  title: "Scenes",
  mount(root) {
    const page = new ScenesPage(root);
    return () => page.end();
  },
};
