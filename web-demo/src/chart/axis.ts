/** What the axes of charts share. */
export interface Axis {
  readonly label: string;
  readonly from: number;
  readonly to: number;
  readonly ticks: readonly number[];
  readonly format: (value: number) => string;
  readonly logarithmic?: boolean;
}

/** The position of a value on its axis: 0 to 1, or beyond, where the value is. */
export function along({ from, to, logarithmic }: Axis, value: number): number {
  const scale = logarithmic ? Math.log : (value: number) => value;
  return (scale(value) - scale(from)) / (scale(to) - scale(from));
}

/** A text of a chart, as SVG. */
export const text = (x: number, y: number, anchor: string, content: string): string =>
  `<text x="${x}" y="${y}" text-anchor="${anchor}">${content}</text>`;

/** A path through places, as SVG. */
export const through = (places: readonly (readonly [x: number, y: number])[]): string =>
  places.map(([x, y], index) => `${index ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
