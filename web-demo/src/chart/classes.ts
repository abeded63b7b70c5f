import { create } from "../lib/dom.js";
import { percent } from "../lib/format.js";
import { best, type Estimate } from "../model/samples.js";

const SVG = "http://www.w3.org/2000/svg";
/** Size of a row in its own coordinates. The width is a probability of 1. */
const [WIDTH, HEIGHT] = [100, 10];
/** Distance of the dots from the edges. */
const MARGIN = 1.4;
/** Multiples of this, without their whole part, spread the dots evenly over the height of a row. */
const GOLDEN_RATIO = 0.6180339887;
/** Probabilities below this get no dot. */
const LEAST = 0.004;

interface Row {
  readonly element: HTMLLIElement;
  readonly bar: HTMLElement;
  readonly votes: SVGPathElement;
  readonly rest: SVGPathElement;
  readonly share: HTMLElement;
}

/**
 * One row per class, with a bar for the mean probability and a dot for the probability of each sample. The dot is
 * bold if the class is the sample's answer. The chart shows whether the samples agree.
 */
export class ClassChart {
  readonly element = create("div", { className: "class-chart" });
  readonly #rows: readonly Row[];
  readonly #dots: boolean;

  constructor(classNames: readonly string[], label: string, { dots, title }: { readonly dots: boolean; readonly title?: string }) {
    this.#dots = dots;
    this.#rows = classNames.map((name) => row(name, dots));
    const list = create("ol", { className: "classes" }, ...this.#rows.map(({ element }) => element));
    list.setAttribute("aria-label", label);
    const axis = create("div", { className: "axis" }, ...["0%", "50%", "100%"].map((text) => create("span", {}, text)));
    axis.setAttribute("aria-hidden", "true");
    if (title) this.element.append(create("p", { className: "chart-title", textContent: title }));
    this.element.append(list, axis);
    if (dots) this.element.append(legend());
  }

  update({ probabilities, samples }: Estimate): void {
    const answers = this.#dots ? samples.map(best) : [];
    const winner = best(probabilities);
    this.#rows.forEach((row, index) => {
      const share = probabilities[index]!;
      row.element.classList.toggle("best", index === winner);
      row.bar.style.transform = `scaleX(${share})`;
      row.share.textContent = percent(share);
      const dots = (voting: boolean) =>
        answers.map((answer, sample) => ((answer === index) === voting ? dot(samples[sample]![index]!, sample) : "")).join("");
      if (!this.#dots) return;
      row.votes.setAttribute("d", dots(true));
      row.rest.setAttribute("d", dots(false));
    });
  }

  clear(): void {
    for (const { element, bar, votes, rest, share } of this.#rows) {
      element.classList.remove("best");
      bar.style.transform = "";
      votes.setAttribute("d", "");
      rest.setAttribute("d", "");
      share.textContent = "–";
    }
  }
}

function legend(): HTMLElement {
  const element = create("p", { className: "note dots-legend" });
  element.innerHTML = `
    <span><i class="votes"></i> a sample’s answer</span>
    <span><i class="rest"></i> what else it considers</span>
    <span><i class="mean"></i> average</span>`;
  return element;
}

/** Part of a path: a line of almost no length, whose round ends make a dot. */
function dot(probability: number, sample: number): string {
  if (probability < LEAST) return "";
  const y = MARGIN + (HEIGHT - 2 * MARGIN) * ((sample * GOLDEN_RATIO) % 1);
  return `M${(probability * WIDTH).toFixed(2)} ${y.toFixed(2)}h.01`;
}

function row(name: string, dots: boolean): Row {
  const path = (className: string) => {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("class", className);
    return path;
  };
  const [rest, votes] = [path("rest"), path("votes")];
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  svg.append(rest, votes);
  const bar = create("span", { className: dots ? "bar" : "bar solid" });
  const share = create("span", { className: "share", textContent: "–" });
  const track = create("span", { className: "track" }, bar, svg);
  return { element: create("li", {}, create("span", { className: "label", textContent: name, title: name }), track, share), bar, votes, rest, share };
}
