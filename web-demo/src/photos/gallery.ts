/** Test pictures of Fashion-MNIST (MIT licence, Copyright 2017 Zalando SE), and the result for each. */
import { columns, labels, size } from "../../assets/fashion-gallery.json";
import sprite from "../../assets/fashion-gallery.png";
import { create } from "../lib/dom.js";
import { paint, pixelsOf } from "../lib/pixels.js";
import type { Shape } from "./corruption.js";

export const GALLERY_SHAPE: Shape = { size, channels: 1 };
export const LABELS: readonly number[] = labels;

/** The result for a picture, and a text about it. */
export interface Said {
  readonly mark: "right" | "wrong" | "silent";
  readonly text: string;
}

/** The pictures, `[28][28]` each. */
export async function loadGallery(): Promise<Uint8Array[]> {
  const { data, width } = await pixelsOf(sprite);
  return labels.map((_, picture) => {
    const [left, top] = [(picture % columns) * size, Math.floor(picture / columns) * size];
    return Uint8Array.from({ length: size * size }, (_, at) => {
      return data[((top + Math.floor(at / size)) * width + left + (at % size)) * 4]!;
    });
  });
}

/** How an arrow key moves through the pictures. */
const STEPS: Readonly<Record<string, readonly [pictures: number, rows: number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

/**
 * All pictures in rows. Wrong answers are ringed, pictures without an answer are pale. The picture that is picked by
 * touch, key or mouse is shown large, with the answer of the network.
 */
export class GalleryGrid {
  readonly element = create("div", { className: "gallery-and-picked" });
  readonly #cells: readonly { readonly button: HTMLButtonElement; readonly canvas: HTMLCanvasElement }[];
  readonly #large = create("canvas", { width: size, height: size });
  readonly #words = create("p");
  readonly #said: Said[] = [];
  /** The picked picture; until the visitor picks one, the first wrong answer is shown. */
  #picked: number | undefined;

  constructor() {
    const list = create("ul", { className: "gallery" });
    list.setAttribute("aria-label", "Pictures of clothes");
    this.#cells = labels.map((_, index) => {
      const canvas = create("canvas", { width: size, height: size });
      const button = create("button", { type: "button", tabIndex: index ? -1 : 0, onclick: () => this.#pick(index) }, canvas);
      button.setAttribute("aria-label", `Picture ${index + 1}`);
      list.append(create("li", {}, button));
      return { button, canvas };
    });
    list.onkeydown = (event) => this.#key(event, list);
    this.#words.setAttribute("aria-live", "polite");
    this.#large.setAttribute("aria-hidden", "true");
    this.element.append(create("div", { className: "picked" }, this.#large, this.#words), list);
  }

  paint(index: number, picture: Uint8Array): void {
    paint(this.#cells[index]!.canvas, picture);
  }

  /** Shows the result for each picture. */
  mark(said: readonly Said[]): void {
    said.forEach(({ mark, text }, index) => {
      const { button } = this.#cells[index]!;
      button.dataset.mark = mark;
      button.setAttribute("aria-label", `Picture ${index + 1}: ${text}`);
      this.#said[index] = { mark, text };
    });
    this.#present();
  }

  #pick(index: number): void {
    this.#picked = index;
    this.#cells.forEach(({ button }, other) => (button.tabIndex = other === index ? 0 : -1));
    this.#present();
  }

  #present(): void {
    const index = this.#picked ?? Math.max(0, this.#said.findIndex(({ mark }) => mark === "wrong"));
    this.#cells.forEach(({ button }, other) => button.setAttribute("aria-pressed", String(other === index)));
    this.#large.getContext("2d")!.drawImage(this.#cells[index]!.canvas, 0, 0);
    this.#words.textContent = this.#said[index]?.text ?? "";
  }

  #key(event: KeyboardEvent, list: HTMLElement): void {
    const step = STEPS[event.key];
    const from = this.#cells.findIndex(({ button }) => button === event.target);
    if (!step || from < 0) return;
    const columns = getComputedStyle(list).gridTemplateColumns.split(" ").length;
    const to = from + step[0] + step[1] * columns;
    event.preventDefault();
    if (!this.#cells[to]) return;
    this.#cells[to].button.focus();
    this.#pick(to);
  }
}
