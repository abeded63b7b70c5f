/** Paints maps. Colours are in tables, so that a map takes about a millisecond. */
import type { Doubt } from "../model/doubt.js";
import { CLASSES, type Colour } from "./classes.js";
import type { SceneMap } from "./map.js";

/** The scale of a doubt: colours from none to most, and the share that gets the last colour. */
interface Scale {
  readonly colours: readonly Colour[];
  readonly most: number;
}

const [NONE, MOST]: Colour[] = [[19, 19, 21], [250, 249, 247]];

/** As everywhere, blue is ambiguity, and orange is unfamiliarity. */
export const SCALES: Readonly<Record<keyof Doubt, Scale>> = {
  total: { colours: [NONE!, MOST!], most: 0.7 },
  ambiguity: { colours: [NONE!, [43, 108, 176], MOST!], most: 0.7 },
  unfamiliarity: { colours: [NONE!, [210, 105, 30], MOST!], most: 0.1 },
};

/** Steps of a scale. */
const STEPS = 256;

export const css = (colour: Colour): string => `rgb(${colour.join(" ")})`;

/** A colour in the order of the bytes of a picture. */
const word = ([red, green, blue]: Colour): number => new Uint32Array(Uint8Array.of(red, green, blue, 255).buffer)[0]!;

const classTable = Uint32Array.from(CLASSES, ({ colour }) => word(colour));

function scaleTable({ colours }: Scale): Uint32Array {
  return Uint32Array.from({ length: STEPS }, (_, step) => {
    const place = (step / (STEPS - 1)) * (colours.length - 1);
    const before = Math.min(Math.floor(place), colours.length - 2);
    const mix = (channel: 0 | 1 | 2) => {
      const [from, to] = [colours[before]![channel], colours[before + 1]![channel]];
      return Math.round(from + (place - before) * (to - from));
    };
    return word([mix(0), mix(1), mix(2)]);
  });
}

export function paintClasses(canvas: HTMLCanvasElement, { classes }: SceneMap): void {
  put(canvas, (position) => classTable[classes[position]!]!);
}

export function paintDoubt(canvas: HTMLCanvasElement, { doubt }: SceneMap, name: keyof Doubt): void {
  const [table, values] = [scaleTable(SCALES[name]), doubt[name]];
  const factor = (STEPS - 1) / SCALES[name].most;
  put(canvas, (position) => table[Math.min(STEPS - 1, Math.round(values[position]! * factor))]!);
}

function put(canvas: HTMLCanvasElement, colour: (position: number) => number): void {
  const image = new ImageData(canvas.width, canvas.height);
  const words = new Uint32Array(image.data.buffer);
  for (let position = 0; position < words.length; position++) words[position] = colour(position);
  canvas.getContext("2d")!.putImageData(image, 0, 0);
}
