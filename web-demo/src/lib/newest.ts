/**
 * Runs the newest input only. What `run` works on when another comes is told so by `superseded`, at the
 * latest after its first result: while a pen moves, something is to be seen.
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
