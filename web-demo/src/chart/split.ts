import { create, find } from "../lib/dom.js";
import { nats } from "../lib/format.js";
import type { Estimate } from "../model/samples.js";
import { ABSTAIN_SHARE } from "../model/verdict.js";

/** Total uncertainty as one length, of which one part is aleatoric and the rest epistemic. */
export class SplitChart {
  readonly element = create("section", { className: "split" });
  readonly #limit: number;

  constructor(classes: number) {
    this.#limit = Math.log(classes);
    this.element.setAttribute("aria-label", "Uncertainty");
    this.element.innerHTML = `
      <div class="meter" aria-hidden="true"><span class="aleatoric"></span><span class="epistemic"></span></div>
      <div class="limit" aria-hidden="true"><span style="left:${100 * ABSTAIN_SHARE}%">abstains from here</span></div>
      <dl>
        <dt>Total</dt><dd data-value="total">–</dd><dd>of ${nats(this.#limit)} nats: no idea at all</dd>
        <dt style="--swatch:var(--aleatoric)">Aleatoric</dt><dd data-value="aleatoric">–</dd><dd>the picture is ambiguous</dd>
        <dt style="--swatch:var(--epistemic)">Epistemic</dt><dd data-value="epistemic">–</dd><dd>the samples disagree: it has not learned this</dd>
      </dl>`;
  }

  update({ total, aleatoric, epistemic }: Estimate): void {
    this.#bars(aleatoric, epistemic);
    this.#values({ total: nats(total), aleatoric: nats(aleatoric), epistemic: nats(epistemic) });
  }

  clear(): void {
    this.#bars(0, 0);
    this.#values({ total: "–", aleatoric: "–", epistemic: "–" });
  }

  #bars(aleatoric: number, epistemic: number): void {
    const [a, e] = [aleatoric / this.#limit, epistemic / this.#limit];
    find(this.element, ".aleatoric").style.transform = `scaleX(${a})`;
    find(this.element, ".epistemic").style.transform = `translateX(${100 * a}%) scaleX(${e})`;
  }

  #values(values: Record<string, string>): void {
    for (const [name, text] of Object.entries(values)) find(this.element, `[data-value=${name}]`).textContent = text;
  }
}
