/** The picture, what the network sees in it, and how much it doubts, side by side. A visitor points at a place in any of them. */
import { create, find } from "../lib/dom.js";
import { percent } from "../lib/format.js";
import type { Doubt } from "../model/doubt.js";
import { CLASSES } from "./classes.js";
import { capital } from "./findings.js";
import { HEIGHT, type Place, type SceneMap, shares, WIDTH } from "./map.js";
import { css, paintClasses, paintDoubt, SCALES } from "./paint.js";

const canvas = (name: string, about: string) =>
  `<div class="pane"><canvas class="${name}" width="${WIDTH}" height="${HEIGHT}" ${about}></canvas><i class="place" aria-hidden="true"></i></div>`;

const MARKUP = `
  <figure class="left"><figcaption>The picture</figcaption>${canvas("photo", `role="img" aria-label="The picture, ${WIDTH} by ${HEIGHT} pixels, as the network sees it"`)}</figure>
  <figure class="middle"><figcaption>What it sees</figcaption>${canvas("classes", `role="application" tabindex="0" aria-label="What the network sees. The arrow keys move the place that is read."`)}</figure>
  <figure class="right"><figcaption>How much it doubts</figcaption>
    ${canvas("doubt", `role="img" aria-label="The doubt at each place: bright where it is large"`)}
    <div class="scale"><span>none</span><i aria-hidden="true"></i><span class="most"></span></div>
    <label class="which">Shown <select>
      <option value="total">total doubt</option>
      <option value="ambiguity">ambiguity</option>
      <option value="unfamiliarity">unfamiliarity</option>
    </select></label>
  </figure>
  <ul class="legend" aria-label="Colours, and the share of the picture"></ul>`;

/** How far an arrow key moves the place. */
const STEP = 4;
const STEPS: Readonly<Record<string, readonly [x: number, y: number]>> = {
  ArrowLeft: [-STEP, 0],
  ArrowRight: [STEP, 0],
  ArrowUp: [0, -STEP],
  ArrowDown: [0, STEP],
};

export interface MapsOptions {
  readonly place: Place;
  readonly figure: keyof Doubt;
  /** A visitor points at another place. */
  onPlace(place: Place): void;
  /** A visitor chooses another doubt. */
  onFigure(figure: keyof Doubt): void;
}

export class Maps {
  readonly element = create("div", { className: "maps" });
  readonly #options: MapsOptions;
  readonly #legend: readonly { readonly item: HTMLElement; readonly share: HTMLElement }[];
  #place: Place;
  #figure: keyof Doubt;
  #map: SceneMap | undefined;

  constructor(options: MapsOptions) {
    this.#options = options;
    this.#place = options.place;
    this.#figure = options.figure;
    this.element.innerHTML = MARKUP;
    this.#legend = CLASSES.map(({ label, colour }) => {
      const swatch = create("i");
      swatch.style.background = css(colour);
      const share = create("b");
      const item = create("li", {}, swatch, create("span", { textContent: capital(label) }), share);
      find(this.element, ".legend").append(item);
      return { item, share };
    });
    const select = find<HTMLSelectElement>(this.element, "select");
    select.value = this.#figure;
    select.onchange = () => {
      this.#figure = select.value as keyof Doubt;
      this.#showScale();
      this.#paintDoubt();
      options.onFigure(this.#figure);
    };
    for (const pane of this.element.querySelectorAll<HTMLElement>(".pane")) {
      pane.onpointerdown = pane.onpointermove = (event) => this.#point(event, pane);
    }
    find(this.element, ".classes").onkeydown = (event) => this.#key(event);
    this.#showScale();
    this.#move(this.#place);
  }

  picture(picture: ImageData): void {
    find<HTMLCanvasElement>(this.element, ".photo").getContext("2d")!.putImageData(picture, 0, 0);
  }

  /** The maps are pale until the next ones. */
  wait(): void {
    this.element.classList.add("stale");
  }

  update(map: SceneMap): void {
    this.#map = map;
    this.element.classList.remove("stale");
    paintClasses(find(this.element, ".classes"), map);
    this.#paintDoubt();
    shares(map).forEach((covered, index) => {
      const { item, share } = this.#legend[index]!;
      share.textContent = covered > 0 ? percent(covered) : "";
      item.classList.toggle("absent", covered === 0);
    });
  }

  #paintDoubt(): void {
    if (this.#map) paintDoubt(find(this.element, ".doubt"), this.#map, this.#figure);
  }

  #showScale(): void {
    const { colours, most } = SCALES[this.#figure];
    find(this.element, ".scale i").style.background = `linear-gradient(to right, ${colours.map(css).join(", ")})`;
    find(this.element, ".scale .most").textContent = `${percent(most)} or more`;
  }

  #point({ clientX, clientY }: PointerEvent, pane: HTMLElement): void {
    const { left, top, width, height } = pane.getBoundingClientRect();
    this.#choose({ x: Math.floor(((clientX - left) / width) * WIDTH), y: Math.floor(((clientY - top) / height) * HEIGHT) });
  }

  #key(event: KeyboardEvent): void {
    const step = STEPS[event.key];
    if (!step) return;
    event.preventDefault();
    this.#choose({ x: this.#place.x + step[0], y: this.#place.y + step[1] });
  }

  #choose({ x, y }: Place): void {
    const place = { x: Math.min(WIDTH - 1, Math.max(0, x)), y: Math.min(HEIGHT - 1, Math.max(0, y)) };
    this.#move(place);
    this.#options.onPlace(place);
  }

  #move(place: Place): void {
    this.#place = place;
    for (const mark of this.element.querySelectorAll<HTMLElement>(".place")) {
      mark.style.left = `${(100 * (place.x + 0.5)) / WIDTH}%`;
      mark.style.top = `${(100 * (place.y + 0.5)) / HEIGHT}%`;
    }
  }
}
