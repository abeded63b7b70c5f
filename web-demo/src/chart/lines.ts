import { create, find } from "../lib/dom.js";
import { along, type Axis, text, through } from "./axis.js";

export interface Series {
  readonly points: readonly { readonly x: number; readonly y: number }[];
  /** A CSS colour. */
  readonly colour: string;
  readonly dashed?: boolean;
  readonly markers?: boolean;
}

/** A labelled place on the x axis. */
export interface Marker {
  readonly x: number;
  readonly label: string;
}

export interface LineChartOptions {
  readonly title: string;
  readonly x: Axis;
  readonly y: Axis;
}

const HEIGHT = 208;
/** The width until the container has been measured. */
const FIRST_WIDTH = 340;
const [LEFT, RIGHT, TOP, BOTTOM] = [42, 6, 22, 40];

/** A line chart with a fixed scale, as wide as its container. */
export class LineChart {
  readonly element = create("figure", { className: "lines" });
  readonly #options: LineChartOptions;
  readonly #image: SVGSVGElement;
  #width = FIRST_WIDTH;
  #series: readonly Series[] = [];
  #marker: Marker | undefined;

  constructor(options: LineChartOptions) {
    this.#options = options;
    this.element.innerHTML = `<figcaption>${options.title}</figcaption><svg role="img" height="${HEIGHT}"></svg>`;
    this.#image = find(this.element, "svg");
    new ResizeObserver(([entry]) => {
      this.#width = Math.max(entry!.contentRect.width, LEFT + RIGHT + 1);
      this.#draw();
    }).observe(this.#image);
    this.#draw();
  }

  /** Shows `series`; without any, the chart says that they are being measured. */
  update(series: readonly Series[], marker?: Marker): void {
    this.#series = series;
    this.#marker = marker;
    this.#draw();
  }

  /** Whether the lines belong to an earlier setting. Stale lines are pale. */
  set stale(stale: boolean) {
    this.element.classList.toggle("stale", stale);
  }

  #draw(): void {
    const { x, y, title } = this.#options;
    const right = this.#width - RIGHT;
    const waiting = this.#series.length ? "" : text((LEFT + right) / 2, (TOP + HEIGHT - BOTTOM) / 2 - 8, "middle", "Measuring…");
    const parts = [
      ...y.ticks.map((tick) => `<path class="grid" d="M${LEFT} ${this.#y(tick)}H${right}" />`),
      // A tick at the right edge has no room to its right.
      ...x.ticks.map((tick) => text(this.#x(tick), HEIGHT - BOTTOM + 16, tick === x.to ? "end" : "middle", x.format(tick))),
      ...y.ticks.map((tick) => text(LEFT - 8, this.#y(tick) + 4, "end", y.format(tick))),
      text((LEFT + right) / 2, HEIGHT - 5, "middle", x.label),
      waiting,
      this.#marked(),
      ...this.#series.map((line) => this.#line(line)),
    ];
    this.#image.innerHTML = parts.join("");
    const last = this.#series.flatMap(({ points }) => points.slice(-1)).map((point) => y.format(point.y));
    const figures = last.length > 0 ? `. Last: ${last.join(", ")}` : "";
    this.#image.setAttribute("aria-label", `${title}. From left to right: ${x.label}${figures}.`);
  }

  #marked(): string {
    if (!this.#marker) return "";
    const x = this.#x(this.#marker.x);
    // The label extends towards the middle, where there is room.
    const anchor = x < this.#width / 2 ? "start" : "end";
    return `<path class="at" d="M${x} ${TOP - 4}V${HEIGHT - BOTTOM}" />${text(x, TOP - 9, anchor, this.#marker.label)}`;
  }

  #line({ points, colour, dashed, markers }: Series): string {
    const places = points.map(({ x, y }) => [this.#x(x), this.#y(y)] as const);
    const dot = ([x, y]: readonly [number, number]) => `<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="3" style="fill:${colour}" />`;
    const dots = markers ? places.map(dot).join("") : "";
    return `<path d="${through(places)}" style="stroke:${colour}${dashed ? ";stroke-dasharray:3 4" : ""}" />${dots}`;
  }

  #x(value: number): number {
    return LEFT + (this.#width - LEFT - RIGHT) * within(along(this.#options.x, value));
  }

  #y(value: number): number {
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * within(along(this.#options.y, value));
  }
}

/** A position, at the edge of the chart if it is beyond. */
const within = (position: number): number => Math.min(1, Math.max(0, position));
