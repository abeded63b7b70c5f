import { Bayes8Error } from "./error.js";
import type { NodeTrace, RawInfo } from "./glue.js";
import type { ModelOptions } from "./options.js";
import type { Pixels, RgbaPicture } from "./pixels.js";
import { platform, type WorkerPort, type WorkerSource } from "./platform.js";
import type { Task, TaskResult } from "./runner.js";
import type { Thread } from "./thread.js";
import type { Answer, Call } from "./worker-protocol.js";

/** Calls whose answers have no value. */
const VOID: ReadonlySet<string> = new Set<Call["method"]>(["begin", "end"]);

interface Pending {
  readonly method: Call["method"];
  resolve(value: unknown): void;
  reject(error: Bayes8Error): void;
}

/** A worker that holds the model. After a crash, all its calls fail, pending and later ones. */
export class WorkerThread implements Thread {
  failure: Bayes8Error | undefined;
  readonly #port: WorkerPort;
  readonly #pending = new Map<number, Pending>();
  #calls = 0;

  constructor(worker: WorkerSource | undefined) {
    try {
      this.#port = platform().spawn(worker);
    } catch (error) {
      if (error instanceof Bayes8Error) throw error;
      throw new Bayes8Error("worker", `a worker cannot start: ${(error as Error).message}`, error);
    }
    this.#port.setBusy(false);
    this.#port.listen(
      (answer) => this.#settle(answer),
      (reason) => {
        const why = reason instanceof Error ? reason.message : String(reason);
        this.#fail(new Bayes8Error("worker", `a worker failed: ${why}`, reason));
      },
    );
  }

  load(module: WebAssembly.Module, file: Uint8Array, options: ModelOptions): Promise<RawInfo> {
    return this.#call("load", [module, file, options]) as Promise<RawInfo>;
  }

  fit({ data, width, height }: RgbaPicture): Promise<Uint8Array> {
    return this.#call("fit", [{ data, width, height }]) as Promise<Uint8Array>;
  }

  begin(job: number, pictures: Pixels): Promise<void> {
    return this.#call("begin", [job, pictures]) as Promise<void>;
  }

  run(task: Task): Promise<TaskResult> {
    return this.#call("run", [task]) as Promise<TaskResult>;
  }

  trace(job: number, seed: bigint | undefined, sample: number): Promise<NodeTrace[]> {
    return this.#call("trace", [job, seed, sample]) as Promise<NodeTrace[]>;
  }

  logits(job: number): Promise<Float32Array[]> {
    return this.#call("logits", [job]) as Promise<Float32Array[]>;
  }

  end(job: number): void {
    // Nobody waits for it, and a worker that failed has freed everything.
    this.#call("end", [job]).catch(() => {});
  }

  close(): void {
    this.#fail(new Bayes8Error("disposed", "the pool was disposed of"));
  }

  #call<M extends Call["method"]>(method: M, parameters: (Call & { method: M })["parameters"]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.failure) throw this.failure;
      const id = this.#calls++;
      this.#port.post({ id, method, parameters });
      this.#pending.set(id, { method, resolve, reject });
      this.#port.setBusy(true);
    });
  }

  #settle(answer: unknown): void {
    const { id, value, error, trapped } = (answer ?? {}) as Answer;
    const pending = this.#pending.get(id);
    if (!pending || (error === undefined && value === undefined && !VOID.has(pending.method))) {
      return this.#fail(new Bayes8Error("worker", "this worker does not answer like those of bayes8: it needs bayes8/worker.js"));
    }
    this.#pending.delete(id);
    this.#port.setBusy(this.#pending.size > 0);
    if (!error) return pending.resolve(value);
    const failure = new Bayes8Error(error.code, error.message);
    pending.reject(failure);
    // A module that trapped can no longer be trusted.
    if (trapped) this.#fail(failure);
  }

  #fail(failure: Bayes8Error): void {
    if (this.failure) return;
    this.failure = failure;
    this.#port.terminate();
    for (const { reject } of this.#pending.values()) reject(failure);
    this.#pending.clear();
  }
}
