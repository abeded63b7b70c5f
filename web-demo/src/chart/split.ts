import { create, find } from "../lib/dom.js";
import { percent } from "../lib/format.js";
import { ABSTAIN, type Doubt, doubtOf, glosses } from "../model/doubt.js";
import type { Estimate } from "../model/samples.js";

/** The doubt meter: one bar for total doubt, of which one part is ambiguity and the rest unfamiliarity. */
export class SplitChart {
  readonly element = create("section", { className: "split" });

  constructor() {
    this.element.setAttribute("aria-label", "Doubt");
    this.element.innerHTML = `
      <div class="meter" aria-hidden="true"><span class="aleatoric"></span><span class="epistemic"></span></div>
      <div class="limit" aria-hidden="true"><span style="left:${100 * ABSTAIN}%">no answer beyond ${percent(ABSTAIN)}</span></div>
      <dl>
        <dt>Total doubt</dt><dd data-value="total">–</dd><dd data-gloss="total"></dd>
        <dt style="--swatch:var(--aleatoric)">Ambiguity</dt><dd data-value="ambiguity">–</dd><dd data-gloss="ambiguity"></dd>
        <dt style="--swatch:var(--epistemic)">Unfamiliarity</dt><dd data-value="unfamiliarity">–</dd><dd data-gloss="unfamiliarity"></dd>
      </dl>
      <details class="terms">
        <summary>What do these numbers mean?</summary>
        <p>A <b>sample</b> is one answer of the network, with its weights drawn at random from all that fit what it has
          learned. Its <b>odds</b> are how probable it finds each answer.</p>
        <p><b>Total doubt</b> runs from 0% (one answer is certain) to 100% (all answers are equally likely). It is the sum of
          the two below.</p>
        <p><b>Ambiguity</b> comes from the picture: a sloppy 4 looks like a 9 to everyone. More training would not remove it.
          The technical term is aleatoric uncertainty.</p>
        <p><b>Unfamiliarity</b> comes from the network: it has not learned enough about pictures like this one, so its
          samples give different odds. More training data would help. The technical term is epistemic uncertainty.</p>
        <p>The numbers are entropies, divided by the largest possible one. The <code>bayes8</code> package reports
          them as they are, in nats.</p>
      </details>`;
  }

  update(estimate: Estimate): void {
    this.show(doubtOf(estimate));
  }

  show(doubt: Doubt): void {
    this.#bars(doubt);
    const words = glosses(doubt);
    for (const name of NAMES) this.#say(name, percent(doubt[name]), words[name]);
  }

  clear(): void {
    this.#bars({ total: 0, ambiguity: 0, unfamiliarity: 0 });
    for (const name of NAMES) this.#say(name, "–", "");
  }

  #bars({ ambiguity, unfamiliarity }: Doubt): void {
    find(this.element, ".aleatoric").style.transform = `scaleX(${ambiguity})`;
    find(this.element, ".epistemic").style.transform = `translateX(${100 * ambiguity}%) scaleX(${unfamiliarity})`;
  }

  #say(name: keyof Doubt, value: string, gloss: string): void {
    find(this.element, `[data-value=${name}]`).textContent = value;
    find(this.element, `[data-gloss=${name}]`).textContent = gloss;
  }
}

const NAMES = ["total", "ambiguity", "unfamiliarity"] as const;
