import { create } from "../lib/dom.js";
import { percent } from "../lib/format.js";
import { type CorruptionName, CORRUPTIONS, NONE, ROTATION_DEGREES, type Severities } from "./corruption.js";

const LABELS: Readonly<Record<CorruptionName, string>> = {
  noise: "Noise",
  blur: "Blur",
  brightness: "Brightness",
  contrast: "Contrast loss",
  rotation: "Rotation",
  occlusion: "Covered area",
};

/** One slider per corruption. `active` is the one that was moved last. */
export class CorruptionSliders {
  readonly element = create("fieldset", { className: "corruptions" });
  active: CorruptionName = "noise";
  #severities: Severities = NONE;
  readonly #inputs = new Map<CorruptionName, { readonly input: HTMLInputElement; readonly output: HTMLOutputElement }>();

  constructor(change: () => void) {
    this.element.append(create("legend", { className: "sr", textContent: "Ways to spoil a picture" }));
    for (const name of CORRUPTIONS) {
      const id = `corruption-${name}`;
      const input = create("input", { id, type: "range", min: "0", max: "1", step: "0.05", value: "0", name });
      const output = create("output");
      input.oninput = () => {
        this.active = name;
        this.#severities = { ...this.#severities, [name]: input.valueAsNumber };
        this.#show();
        change();
      };
      this.#inputs.set(name, { input, output });
      this.element.append(create("label", { className: "slider", htmlFor: id }, LABELS[name], output, input));
    }
    const reset = create("button", { type: "button", className: "link", textContent: "Reset all" });
    reset.onclick = () => {
      this.#severities = NONE;
      this.#show();
      change();
    };
    this.element.append(reset);
    this.#show();
  }

  get severities(): Severities {
    return this.#severities;
  }

  get label(): string {
    return LABELS[this.active];
  }

  #show(): void {
    for (const [name, { input, output }] of this.#inputs) {
      const severity = this.#severities[name];
      input.value = String(severity);
      output.textContent = name === "rotation" ? `${Math.round(severity * ROTATION_DEGREES)}°` : percent(severity);
    }
  }
}
