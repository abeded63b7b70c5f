import { copy } from "../lib/copy.js";
import { create, find } from "../lib/dom.js";
import { type Replay, toHash } from "../replay/link.js";

/** A button that makes a link to the drawing. Opening the link repeats the prediction and compares its bits. */
export class Sharing {
  readonly element = create("div", { className: "sharing" });
  readonly #button: HTMLButtonElement;
  readonly #link: HTMLAnchorElement;
  #turn = 0;

  constructor(replay: () => Promise<Replay>) {
    this.element.innerHTML = `
      <button type="button" class="button" disabled>Share this drawing</button>
      <div class="made"><a hidden></a><p class="note" role="status"></p></div>`;
    this.#button = find(this.element, "button");
    this.#link = find(this.element, "a");
    this.#button.onclick = () => void this.#share(replay);
  }

  /** Removes the link when the drawing has changed. */
  reset(enabled: boolean): void {
    this.#turn++;
    this.#button.disabled = !enabled;
    this.#link.hidden = true;
    this.#say("");
  }

  async #share(replay: () => Promise<Replay>): Promise<void> {
    const turn = this.#turn;
    try {
      const hash = toHash(await replay());
      // The drawing has changed meanwhile.
      if (turn !== this.#turn) return;
      this.#link.href = hash;
    } catch {
      return this.#say("The link could not be made, because the network stopped. Reload the page and try again.");
    }
    this.#link.textContent = this.#link.href;
    this.#link.hidden = false;
    this.#say("Send this link. The browser that opens it repeats the prediction and compares every bit.");
    await copy(this.#link.href, this.#button, this.#link);
  }

  #say(text: string): void {
    find(this.element, "[role=status]").textContent = text;
  }
}
