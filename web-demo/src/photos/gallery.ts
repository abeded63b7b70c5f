/** Test pictures of Fashion-MNIST (MIT licence, Copyright 2017 Zalando SE), and how the network does on each. */
import { columns, labels, size } from "../../assets/fashion-gallery.json";
import sprite from "../../assets/fashion-gallery.png";
import { create } from "../lib/dom.js";
import { paint, pixelsOf } from "../lib/pictures.js";
import type { Shape } from "./corruption.js";

export const GALLERY_SHAPE: Shape = { size, channels: 1 };
export const LABELS: readonly number[] = labels;

export type Mark = "right" | "wrong" | "silent";

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

/** All pictures in rows; the wrong are ringed, those without answer are pale. */
export class GalleryGrid {
  readonly element = create("ul", { className: "gallery" });
  readonly #cells: readonly HTMLCanvasElement[];

  constructor() {
    this.element.setAttribute("aria-label", "Pictures of the gallery");
    this.#cells = labels.map((_, index) => {
      const canvas = create("canvas", { width: size, height: size });
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", `Picture ${index + 1}`);
      this.element.append(create("li", {}, canvas));
      return canvas;
    });
  }

  paint(index: number, picture: Uint8Array): void {
    paint(this.#cells[index]!, picture);
  }

  mark(index: number, mark: Mark, label: string, said: string): void {
    const cell = this.#cells[index]!;
    const text = mark === "silent" ? `${label}: no answer` : `${label}: says ${said}, ${mark}`;
    cell.dataset.mark = mark;
    cell.setAttribute("aria-label", text);
    cell.title = text;
  }
}
