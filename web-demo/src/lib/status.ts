import { Bayes8Error, type Progress } from "bayes8";
import { create } from "./dom.js";

/** A status line: loading, ready, or what went wrong and how to go on. */
export class Status {
  readonly element = create("div", { className: "status" });

  constructor() {
    this.element.setAttribute("role", "status");
  }

  show(text: string): void {
    this.#set("note", text);
  }

  /** Shows a progress bar. `share` is 0 to 1, if it is known. */
  loading(text: string, share?: number): void {
    const progress = create("progress", share === undefined ? {} : { value: share });
    progress.setAttribute("aria-label", "Loading");
    this.#set("loading", progress, text);
  }

  /** Shows the progress of loading a network; bound, so that it can be an option of a load. */
  readonly loadingNetwork = ({ loaded, total }: Progress): void =>
    this.loading(`Loading the network: ${(loaded / 1e6).toFixed(1)} MB`, total && loaded / total);

  /** Shows an error or a text, with a button if `again` can help. */
  error(error: unknown, again?: () => void): void {
    const button = again && create("button", { type: "button", className: "link", textContent: "Try again", onclick: again });
    this.#set("error", explain(error), ...(button ? [button] : []));
  }

  #set(kind: string, ...children: (Node | string)[]): void {
    this.element.dataset.kind = kind;
    this.element.replaceChildren(...children.map((child) => (typeof child === "string" ? create("span", {}, child) : child)));
  }
}

/** An error in words that visitors understand. */
function explain(error: unknown): string {
  if (typeof error === "string") return error;
  if (!(error instanceof Bayes8Error)) return `Something went wrong: ${error instanceof Error ? error.message : String(error)}.`;
  switch (error.code) {
    case "unsupported":
      return "Your browser has no WebAssembly SIMD. This page needs Chrome 96, Firefox 114, Safari 16.4 or later.";
    case "network":
      return "The network could not be loaded: the connection failed.";
    case "worker":
      return "The network stopped unexpectedly.";
    case "invalid-input":
      return "The picture could not be read.";
    default:
      return `Something went wrong: ${error.message}.`;
  }
}
