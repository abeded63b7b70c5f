import { Bayes8Error } from "./error.js";
import { checkOptions, invalid } from "./options.js";
import type { ClassesMapPrediction, GaussianMapPrediction, LabelsMapPrediction } from "./output.js";

/** A colour: red, green and blue, 0 to 255. */
export type Colour = readonly [red: number, green: number, blue: number];

/** Pixels for `new ImageData(data, width, height)`. */
export interface PaintedMap {
  /** RGBA bytes, `[height][width][4]`; all pixels are opaque. */
  readonly data: Uint8ClampedArray<ArrayBuffer>;
  readonly width: number;
  readonly height: number;
}

export interface PaintOptions {
  /** What is painted: a figure of the map, by default `classes` of classes, `probabilities` of labels, `mean` of targets. */
  readonly figure?: string | undefined;
  /** Of a figure with several numbers per position, the index of the class, label or target; default 0. */
  readonly index?: number | undefined;
  /** Index of the plane of a volume; default 0. */
  readonly plane?: number | undefined;
  /** A colour for each class; by default those of `classColour`. */
  readonly palette?: readonly Colour[] | undefined;
  /** The numbers that get the first and the last colour of the scale; by default the least and the largest of the plane. */
  readonly range?: readonly [least: number, most: number] | undefined;
}

/** The colour of a class: PASCAL VOC's, which spreads the bits of the index over red, green and blue. */
export function classColour(index: number): Colour {
  const channel = (first: number) => {
    let value = 0;
    for (let bit = 0; bit < 8; bit++) value |= ((index >> (3 * bit + first)) & 1) << (7 - bit);
    return value;
  };
  return [channel(0), channel(1), channel(2)];
}

/** The scale of numbers, from black over violet and orange to pale yellow: five colours of Matplotlib's magma. */
const SCALE: readonly Colour[] = [
  [0, 0, 4],
  [81, 18, 124],
  [183, 55, 121],
  [252, 137, 97],
  [252, 253, 191],
];

/**
 * Paints a plane of a map: classes in their colours, and other figures from dark (low) to bright (high).
 *
 * @throws {Bayes8Error} `invalid-option` for a figure, index or plane that the map does not have, a range that is none, or
 * colours that are none or too few; `invalid-input` for what is not a map.
 */
export function paint(
  map: ClassesMapPrediction | LabelsMapPrediction | GaussianMapPrediction,
  options: PaintOptions = {},
): PaintedMap {
  if (!map?.positions) throw new Bayes8Error("invalid-input", "paint takes a map: outputs[NAME] of a prediction");
  checkOptions("paint", options);
  const [planes, height, width] = map.positions;
  const defaults = { classes: "classes", labels: "probabilities", gaussian: "mean" };
  const { figure = defaults[map.head], index = 0, plane = 0, palette, range } = options;
  const figures = Object.entries(map).filter(([name, value]) => ArrayBuffer.isView(value) && name !== "sums");
  const values = figures.find(([name]) => name === figure)?.[1] as Float32Array | Float64Array | Uint16Array | undefined;
  if (!values) throw invalid("figure", `one of ${figures.map(([name]) => name).join(", ")}`, figure);
  const size = height * width;
  const each = values.length / (planes * size);
  const check = (name: string, value: number, count: number) => {
    if (!(Number.isInteger(value) && value >= 0 && value < count)) {
      throw invalid(name, `an integer from 0 to ${count - 1}`, value);
    }
  };
  check("index", index, each);
  check("plane", plane, planes);
  if (range && !(range[0] < range[1] && Number.isFinite(range[1] - range[0]))) {
    throw invalid("range", "two numbers, the smaller first", range);
  }
  const isColour = (colour: unknown) =>
    Array.isArray(colour) && colour.length === 3 && colour.every((channel) => channel >= 0 && channel <= 255);
  if (palette && !(Array.isArray(palette) && palette.every(isColour))) {
    throw invalid("palette", "a list of [red, green, blue], each 0 to 255", palette);
  }
  const at = (position: number) => values[(plane * size + position) * each + index]!;
  let colour: (value: number) => Colour;
  if (figure === "classes") {
    let most = 0;
    for (const value of values) most = Math.max(most, value);
    if (palette && palette.length <= most) {
      throw new Bayes8Error("invalid-option", `palette: ${palette.length} colours, but the map has class ${most}`);
    }
    const colours = palette ?? Array.from({ length: most + 1 }, (_, value) => classColour(value));
    colour = (value) => colours[value]!;
  } else {
    let [least, most] = range ?? [Infinity, -Infinity];
    for (let position = 0; !range && position < size; position++) {
      least = Math.min(least, at(position));
      most = Math.max(most, at(position));
    }
    colour = (value) => onScale(most > least ? (value - least) / (most - least) : 0);
  }
  const data = new Uint8ClampedArray(4 * size);
  for (let position = 0; position < size; position++) data.set([...colour(at(position)), 255], 4 * position);
  return { data, width, height };
}

/** The colour of a share of the scale; those beyond its ends get its first and last colour. */
function onScale(share: number): Colour {
  const place = Math.min(Math.max(share, 0), 1) * (SCALE.length - 1);
  const before = Math.min(Math.floor(place), SCALE.length - 2);
  const [from, to] = [SCALE[before]!, SCALE[before + 1]!];
  const mix = (channel: 0 | 1 | 2) => Math.round(from[channel] + (place - before) * (to[channel] - from[channel]));
  return [mix(0), mix(1), mix(2)];
}
