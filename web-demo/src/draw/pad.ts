/** The drawing pad, for a pen, finger, mouse or the keyboard. */
import { create, inFrame } from "../lib/dom.js";
import { type Point, rotate, type Stroke } from "./strokes.js";

/** Width of a line, as a share of the pad. */
const WIDTH = 0.075;
/** How far an arrow key moves the keyboard's pen. */
const STEP = 0.04;
/** Points closer than this to the last one are left out. */
const LEAST = 0.006;

const DIRECTIONS: Readonly<Record<string, Point>> = {
  ArrowLeft: { x: -STEP, y: 0 },
  ArrowRight: { x: STEP, y: 0 },
  ArrowUp: { x: 0, y: -STEP },
  ArrowDown: { x: 0, y: STEP },
};

export interface PadEvents {
  /** A stroke begins. */
  begin(): void;
  change(strokes: readonly Stroke[]): void;
  erase(): void;
}

export class Pad {
  readonly element = create("canvas", { className: "pad", tabIndex: 0 });
  readonly #events: PadEvents;
  readonly #draw = inFrame(() => this.#paint());
  /** The strokes as they were drawn, before they are turned by `#degrees`. */
  #strokes: Stroke[] = [];
  #degrees = 0;
  /** The stroke being drawn, which is the last one. */
  #current: Point[] | undefined;
  /** The keyboard's pen, and whether it is on the paper. */
  #pen: (Point & { readonly down: boolean }) | undefined;

  constructor(events: PadEvents) {
    this.#events = events;
    const { element } = this;
    element.setAttribute("role", "application");
    element.setAttribute("aria-label", "Drawing pad");
    element.setAttribute("aria-describedby", "pad-keys");
    element.addEventListener("pointerdown", (event) => this.#touch(event));
    element.addEventListener("pointermove", (event) => this.#move(event));
    for (const type of ["pointerup", "pointercancel"] as const) element.addEventListener(type, () => (this.#current = undefined));
    element.addEventListener("keydown", (event) => this.#key(event));
    element.addEventListener("blur", () => {
      this.#pen = undefined;
      this.#current = undefined;
      this.#draw();
    });
    new ResizeObserver(this.#draw).observe(element);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", this.#draw);
  }

  show(strokes: readonly Stroke[], degrees: number): void {
    this.#strokes = [...strokes];
    this.#degrees = degrees;
    this.#draw();
  }

  #touch(event: PointerEvent): void {
    if (event.button !== 0) return;
    this.element.setPointerCapture(event.pointerId);
    this.#pen = undefined;
    this.#begin(this.#point(event));
  }

  #move(event: PointerEvent): void {
    if (!this.#current) return;
    const events = event.getCoalescedEvents?.() ?? [];
    for (const part of events.length ? events : [event]) this.#extend(this.#point(part));
    this.#changed();
  }

  #key(event: KeyboardEvent): void {
    const direction = DIRECTIONS[event.key];
    if (direction) {
      const pen = this.#pen ?? { x: 0.5, y: 0.5, down: false };
      const inside = (value: number) => Math.min(0.95, Math.max(0.05, value));
      this.#pen = { ...pen, x: inside(pen.x + direction.x), y: inside(pen.y + direction.y) };
      if (pen.down) this.#extend(this.#pen);
      if (pen.down) this.#changed();
    } else if (event.key === " " || event.key === "Enter") {
      const pen = this.#pen ?? { x: 0.5, y: 0.5, down: false };
      this.#pen = { ...pen, down: !pen.down };
      if (this.#pen.down) this.#begin(pen);
      else this.#current = undefined;
    } else if (event.key === "Backspace" || event.key === "Delete") {
      this.#events.erase();
    } else {
      return;
    }
    event.preventDefault();
    this.#draw();
  }

  #begin(point: Point): void {
    this.#events.begin();
    this.#current = [this.#unturned(point)];
    this.#strokes = [...this.#strokes, this.#current];
    this.#changed();
  }

  #extend(point: Point): void {
    const next = this.#unturned(point);
    const last = this.#current?.at(-1);
    if (last && Math.hypot(next.x - last.x, next.y - last.y) >= LEAST) this.#current!.push(next);
  }

  /** A point on the turned pad in the coordinates of the strokes. */
  #unturned({ x, y }: Point): Point {
    return rotate([[{ x, y }]], -this.#degrees)[0]![0]!;
  }

  #changed(): void {
    this.#draw();
    this.#events.change(this.#strokes);
  }

  #point({ clientX, clientY }: PointerEvent): Point {
    const { left, top, width, height } = this.element.getBoundingClientRect();
    return { x: (clientX - left) / width, y: (clientY - top) / height };
  }

  #paint(): void {
    const { element } = this;
    const size = Math.round(element.clientWidth * devicePixelRatio);
    if (size === 0) return;
    // Setting the size also erases.
    element.width = element.height = size;
    const context = element.getContext("2d")!;
    const style = getComputedStyle(element);
    context.lineCap = context.lineJoin = "round";
    context.lineWidth = WIDTH * size;
    context.strokeStyle = style.color;
    for (const stroke of rotate(this.#strokes, this.#degrees)) {
      context.beginPath();
      for (const { x, y } of stroke) context.lineTo(x * size, y * size);
      if (stroke.length === 1) context.lineTo(stroke[0]!.x * size, stroke[0]!.y * size);
      context.stroke();
    }
    if (!this.#pen) return;
    context.beginPath();
    context.arc(this.#pen.x * size, this.#pen.y * size, (WIDTH * size) / 2, 0, 2 * Math.PI);
    context.lineWidth = 2 * devicePixelRatio;
    context.strokeStyle = style.getPropertyValue("--epistemic");
    context.stroke();
  }
}
