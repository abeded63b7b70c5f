/** Milliseconds over which the pace is averaged. */
const WINDOW = 2000;

/** Counts events per second. */
export class Pace {
  #times: number[] = [];

  /** Adds an event at `now`, in milliseconds. Returns the pace, once there are two events. */
  tick(now: number): number | undefined {
    this.#times = [...this.#times.filter((time) => now - time < WINDOW), now];
    const span = now - this.#times[0]!;
    return span > 0 ? (1000 * (this.#times.length - 1)) / span : undefined;
  }
}
