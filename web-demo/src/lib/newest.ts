/**
 * Runs `run` on the newest input only, one call at a time. `superseded` tells a running call that a newer input
 * waits. The call should still give its first result, so that something shows while a pen moves.
 */
export class Newest<T> {
  readonly #run: (input: T, superseded: () => boolean) => Promise<void>;
  #next: { readonly input: T } | undefined;
  #running = false;

  constructor(run: (input: T, superseded: () => boolean) => Promise<void>) {
    this.#run = run;
  }

  async request(input: T): Promise<void> {
    this.#next = { input };
    if (this.#running) return;
    this.#running = true;
    try {
      while (this.#next) {
        const { input } = this.#next;
        this.#next = undefined;
        await this.#run(input, () => this.#next !== undefined);
      }
    } finally {
      this.#running = false;
    }
  }
}
