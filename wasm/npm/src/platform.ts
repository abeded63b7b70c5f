import { Bayes8Error } from "./error.js";
import type { RgbaPicture } from "./pixels.js";

/** A build of the wasm module. Both give the same bits. */
export type Kernel = "baseline" | "relaxed";

/** What differs between a browser and Node: files, workers, and how to let other tasks run. */
export interface Platform {
  /**
   * The file at a URL or, in Node, a path; a `Response` if it arrives piece by piece. `refuse` throws if it has
   * too many bytes.
   */
  open(source: string | URL, signal: AbortSignal, refuse: (bytes: number) => void): Promise<Response | Uint8Array>;
  /** The wasm module that comes with the package. */
  module(kernel: Kernel): URL | Promise<Uint8Array>;
  /** The pixels of a picture file. */
  decode(file: Blob): Promise<RgbaPicture>;
  /** How many workers suit this machine. */
  threads(): number;
  /** Starts a worker: from `worker`, or from the file that comes with the package. */
  spawn(worker?: WorkerSource): WorkerPort;
  /** Resolves in a later task of the event loop, without the delay of a timer. */
  nextTask(): Promise<void>;
  /** For platforms on which the global one may be missing. */
  readonly TextDecoder?: unknown;
}

/** The file of a worker, or a function that starts one. */
export type WorkerSource = string | URL | (() => unknown);

/** A started worker. */
export interface WorkerPort {
  post(message: unknown): void;
  /** `onFailure` gets the reason when the worker cannot start, crashes, or ends by itself. */
  listen(onMessage: (message: unknown) => void, onFailure: (reason: unknown) => void): void;
  /** Whether answers are awaited: in Node, an idle worker does not keep the process alive. */
  setBusy(busy: boolean): void;
  terminate(): void;
}

const workers = new WeakSet<object>();

/** Returns `worker`; throws if it is in use already. Two threads with one worker would take each other's answers. */
export function taken<W extends object>(worker: W): W {
  if (workers.has(worker)) {
    throw new Bayes8Error("invalid-option", "worker: the function must start a new Worker on each call");
  }
  workers.add(worker);
  return worker;
}

let current: Platform;

/** Called by the entry modules, before anything else runs. */
export function setPlatform(platform: Platform): void {
  current = platform;
}

export function platform(): Platform {
  return current;
}
