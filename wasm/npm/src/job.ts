import { Bayes8Error } from "./error.js";
import type { Request } from "./options.js";
import type { Pixels } from "./pixels.js";
import type { Thread } from "./thread.js";

/** What one thread has done for a job. */
interface Share {
  /** One array per picture; empty before the first samples. */
  sums: BigInt64Array[];
  /** Ranges of samples, in the order in which they ran; adjacent ones are merged. */
  readonly runs: { readonly first: number; count: number }[];
  /** Samples of the last chunk, and how long it took. */
  count: number;
  milliseconds: number;
}

// Short enough to keep a page responsive, long enough to make the cost of a call negligible.
const CHUNK_MILLISECONDS = 20;
// The most by which a chunk may exceed the last one: clocks of browsers are coarse.
const GROWTH = 8;

let jobs = 0;

/** Some pictures whose samples are run together, by one or more threads. */
export class Job {
  readonly id = jobs++;
  readonly #pictures: Pixels;
  readonly #request: Request;
  readonly #shares = new Map<Thread, Share>();
  readonly #onUpdate: (() => void) | undefined;
  #next: number;
  #done = 0;

  constructor(pictures: Pixels, request: Request, onUpdate?: () => void) {
    this.#pictures = pictures;
    this.#request = request;
    this.#onUpdate = onUpdate;
    this.#next = request.first;
  }

  /** Number of samples summed so far. */
  get done(): number {
    return this.#done;
  }

  get complete(): boolean {
    return this.#done === this.#request.samples;
  }

  /** Whether samples are left for another thread. */
  get hasWork(): boolean {
    return this.#next < this.#end;
  }

  isBegunOn(thread: Thread): boolean {
    return this.#shares.has(thread);
  }

  /** Runs a chunk of samples on `thread`; the rest is split among `threads`. */
  async step(thread: Thread, threads: number): Promise<void> {
    const share = this.#shares.get(thread);
    if (!share) {
      this.#shares.set(thread, { sums: [], runs: [], count: 0, milliseconds: 0 });
      return thread.begin(this.id, this.#pictures);
    }
    const first = this.#next;
    const count = Math.min(chunk(share), Math.ceil((this.#end - first) / threads));
    this.#next += count;
    const { seed, keepLogits } = this.#request;
    const { sums, milliseconds } = await thread.run({ job: this.id, seed, first, count, keepLogits });
    share.sums = sums;
    share.milliseconds = milliseconds;
    share.count = count;
    const last = share.runs.at(-1);
    if (last && last.first + last.count === first) last.count += count;
    else share.runs.push({ first, count });
    this.#done += count;
    this.#onUpdate?.();
  }

  /** The sums of all threads for one picture. They are integers, so their order changes no bit. */
  sums(picture: number): BigInt64Array {
    const parts = Array.from(this.#shares.values(), ({ sums }) => sums[picture]).filter((sums) => sums !== undefined);
    const [first, ...others] = parts;
    if (!first) throw new Bayes8Error("internal", "no samples yet");
    const total = first.slice();
    for (const part of others) add(total, part);
    return total;
  }

  /** `[samples][numbers]` for each picture, in the order of the samples. `numbers` is how many a sample has. */
  async logits(pictures: number, numbers: number): Promise<Float32Array[]> {
    const logits = Array.from({ length: pictures }, () => new Float32Array(this.#request.samples * numbers));
    for (const [thread, { runs }] of this.#shares) {
      if (runs.length === 0) continue;
      const parts = await thread.logits(this.id);
      parts.forEach((part, picture) => {
        let from = 0;
        for (const { first, count } of runs) {
          const to = from + count * numbers;
          logits[picture]!.set(part.subarray(from, to), (first - this.#request.first) * numbers);
          from = to;
        }
      });
    }
    return logits;
  }

  /** Frees the job's memory in all threads. */
  end(): void {
    for (const thread of this.#shares.keys()) thread.end(this.id);
    this.#next = this.#end;
  }

  get #end(): number {
    return this.#request.first + this.#request.samples;
  }
}

/** Adds each integer of `from` to the one of `to` at its place, in halves: BigInts take many times as long. */
function add(to: BigInt64Array, from: BigInt64Array): void {
  // The low half first, as in the memory of the module.
  const halves = ({ buffer, byteOffset, length }: BigInt64Array) => new Uint32Array(buffer, byteOffset, 2 * length);
  const [sums, others] = [halves(to), halves(from)];
  for (let low = 0; low < sums.length; low += 2) {
    const sum = sums[low]! + others[low]!;
    sums[low] = sum;
    sums[low + 1]! += others[low + 1]! + Number(sum > 0xffff_ffff);
  }
}

function chunk({ count, milliseconds }: Share): number {
  if (count === 0) return 1;
  const fitting = Math.floor((count * CHUNK_MILLISECONDS) / milliseconds); // Infinity if too fast to tell.
  return Math.max(1, Math.min(fitting, count * GROWTH));
}
