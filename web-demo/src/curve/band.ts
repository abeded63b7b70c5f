/** The chart of a regression: points, functions, their mean, and a band of two parts. */
import { along, type Axis, text, through } from "../chart/axis.js";
import { create, find } from "../lib/dom.js";
import type { Answer, Regression } from "./regression.js";

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface BandChartOptions {
  readonly points: readonly Point[];
  readonly x: Axis;
  readonly y: Axis;
  /** A visitor points at a place. */
  readonly onPoint: (x: number) => void;
}

/** The width until the container has been measured. */
const FIRST_WIDTH = 340;
const [LEFT, RIGHT, TOP, BOTTOM] = [30, 8, 8, 26];
/** The height for a width: flat where there is room, less so on a phone. */
const heightFor = (width: number): number => Math.round(Math.min(460, Math.max(280, width * 0.6)));

export class BandChart {
  readonly element = create("figure", { className: "lines band" });
  readonly #options: BandChartOptions;
  readonly #image: SVGSVGElement;
  #width = FIRST_WIDTH;
  #regression: Regression | undefined;
  #at: Answer | undefined;

  constructor(options: BandChartOptions) {
    this.#options = options;
    this.element.innerHTML = `<svg role="img">
      <g class="axes"></g>
      <svg class="plot" x="${LEFT}" y="${TOP}">
        <path class="doubt" fill-rule="evenodd" /><path class="noise" /><g class="functions"></g><path class="mean" />
        <g class="points"></g><g class="cursor"></g>
      </svg></svg>`;
    this.#image = find(this.element, "svg");
    this.#image.addEventListener("pointerdown", (event) => this.#point(event));
    this.#image.addEventListener("pointermove", (event) => this.#point(event));
    new ResizeObserver(([entry]) => {
      this.#width = Math.max(entry!.contentRect.width, LEFT + RIGHT + 1);
      this.#draw();
    }).observe(this.element);
    this.#draw();
  }

  update(regression: Regression): void {
    this.#regression = regression;
    this.#drawRegression();
  }

  /** Shows a cursor at an answer. */
  point(at: Answer): void {
    this.#at = at;
    this.#drawCursor();
  }

  get #height(): number {
    return heightFor(this.#width);
  }

  #point({ clientX }: PointerEvent): void {
    const { x } = this.#options;
    const share = (clientX - this.#image.getBoundingClientRect().left - LEFT) / (this.#width - LEFT - RIGHT);
    this.#options.onPoint(x.from + Math.min(1, Math.max(0, share)) * (x.to - x.from));
  }

  #draw(): void {
    const { x, y, points } = this.#options;
    const [bottom, right] = [this.#height - BOTTOM, this.#width - RIGHT];
    this.#image.setAttribute("height", String(this.#height));
    const plot = find<SVGSVGElement>(this.element, ".plot");
    plot.setAttribute("width", String(right - LEFT));
    plot.setAttribute("height", String(bottom - TOP));
    find(this.element, ".axes").innerHTML = [
      ...y.ticks.map((tick) => `<path class="grid" d="M${LEFT} ${TOP + this.#y(tick)}H${right}" />`),
      ...y.ticks.map((tick) => text(LEFT - 8, TOP + this.#y(tick) + 4, "end", y.format(tick))),
      text(LEFT + 6, TOP + 14, "start", y.label),
      text(right, bottom + 18, "end", x.label),
      ...x.ticks.map((tick) => text(LEFT + this.#x(tick), bottom + 18, "middle", x.format(tick))),
    ].join("");
    find(this.element, ".points").innerHTML = points
      .map(({ x, y }) => `<circle cx="${this.#x(x).toFixed(1)}" cy="${this.#y(y).toFixed(1)}" r="3" />`)
      .join("");
    this.#drawRegression();
    this.#drawCursor();
  }

  #drawRegression(): void {
    if (!this.#regression) return;
    const { answers, functions, samples } = this.#regression;
    const line = (value: (answer: Answer) => number) => answers.map((answer) => [this.#x(answer.x), this.#y(value(answer))] as const);
    /** The area between two edges. */
    const area = (half: (answer: Answer) => number) =>
      `${through([...line((answer) => answer.mean + half(answer)), ...line((answer) => answer.mean - half(answer)).reverse()])}Z`;
    const noise = area(({ noise }) => noise);
    const set = (part: string, path: string) => find(this.element, part).setAttribute("d", path);
    // What the noise leaves of the band.
    set(".doubt", area(({ band }) => band) + noise);
    set(".noise", noise);
    set(".mean", through(line(({ mean }) => mean)));
    find(this.element, ".functions").innerHTML = functions
      .map((values) => `<path d="${through(answers.map(({ x }, index) => [this.#x(x), this.#y(values[index]!)]))}" />`)
      .join("");
    const widths = answers.map(({ band }) => 2 * band);
    const [least, most] = [Math.min(...widths), Math.max(...widths)].map((width) => width.toFixed(1));
    this.#image.setAttribute(
      "aria-label",
      `Points, the mean of ${samples} ${samples === 1 ? "function" : "functions"}, and a band around it: ${least} high where it is narrowest, ${most} where it is widest.`,
    );
  }

  #drawCursor(): void {
    if (!this.#at) return;
    const { x, mean, band } = this.#at;
    const [left, middle] = [this.#x(x).toFixed(1), this.#y(mean).toFixed(1)];
    find(this.element, ".cursor").innerHTML = `<path class="at" d="M${left} 0V${this.#height}" />
      <path class="reach" d="M${left} ${this.#y(mean + band).toFixed(1)}V${this.#y(mean - band).toFixed(1)}" />
      <circle cx="${left}" cy="${middle}" r="5" />`;
  }

  /** Positions inside the plot. */
  #x(value: number): number {
    return (this.#width - LEFT - RIGHT) * along(this.#options.x, value);
  }

  #y(value: number): number {
    return (this.#height - TOP - BOTTOM) * (1 - along(this.#options.y, value));
  }
}
