import { Bayes8Error, throwIfAborted, toBayes8Error } from "./error.js";
import { platform } from "./platform.js";

/**
 * Where a file comes from: a URL (in Node a path too), a `Response`, a `Blob`, or its bytes.
 * Bytes are read, never kept or changed.
 */
export type Source = string | URL | Response | Blob | ArrayBuffer | Uint8Array;

/** Bytes of a download so far; `total` is absent where the server does not say. */
export interface Progress {
  readonly loaded: number;
  readonly total?: number;
}

export interface ReadOptions {
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** How messages call `source`. */
export function nameOf(source: Source): string {
  if (typeof source === "string" || source instanceof URL) return String(source);
  return (source instanceof Response && source.url) || "the given bytes";
}

/** An error about what a model file holds, with the file's name before it. */
export function withName(source: Source, error: unknown): Bayes8Error {
  const known = toBayes8Error(error);
  if (known.code !== "invalid-model") return known;
  return new Bayes8Error(known.code, `${nameOf(source)}: ${known.message}`, known);
}

/** All bytes of `source`. */
export async function read(source: Source, { onProgress, signal }: ReadOptions): Promise<Uint8Array> {
  throwIfAborted(signal);
  if (source instanceof Uint8Array) return source;
  if (source instanceof ArrayBuffer) return new Uint8Array(source);
  const name = nameOf(source);
  try {
    const opened = await open(source, signal);
    if (!(opened instanceof Response)) {
      onProgress?.({ loaded: opened.length, total: opened.length });
      return opened;
    }
    if (!opened.ok) {
      throw new Bayes8Error("network", `${name}: HTTP ${opened.status} ${opened.statusText}`.trim());
    }
    return await download(opened, { onProgress, signal });
  } catch (error) {
    throwIfAborted(signal);
    if (error instanceof Bayes8Error) throw error;
    throw new Bayes8Error("network", `cannot read ${name}: ${reason(error)}`, error);
  }
}

async function open(source: unknown, signal: AbortSignal | undefined): Promise<Response | Uint8Array> {
  if (source instanceof Response) return source;
  if (source instanceof Blob) return new Response(source);
  if (typeof source === "string" || source instanceof URL) return platform().open(source, signal);
  throw new Bayes8Error(
    "invalid-option",
    `a model comes from a URL, Response, Blob, ArrayBuffer or Uint8Array, not from ${typeof source}`,
  );
}

// Node's fetch says "fetch failed" and hides why in the cause.
function reason(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error ? `${message}: ${cause.message}` : (message ?? String(error));
}

async function download(response: Response, { onProgress, signal }: ReadOptions): Promise<Uint8Array> {
  // The length of what is transferred, which is another one if it is compressed. Another origin's
  // server may hide that it is: then more arrives than it said.
  const length = response.headers.get("content-encoding") ? 0 : Number(response.headers.get("content-length"));
  const pieces: Uint8Array[] = [];
  let loaded = 0;
  const reader = response.body?.getReader();
  // A response that the caller fetched does not know this signal.
  const cancel = () => void reader?.cancel().catch(() => {});
  signal?.addEventListener("abort", cancel);
  try {
    for (let piece; reader && !(piece = await reader.read()).done; ) {
      pieces.push(piece.value);
      loaded += piece.value.length;
      onProgress?.(loaded <= length ? { loaded, total: length } : { loaded });
    }
  } finally {
    signal?.removeEventListener("abort", cancel);
  }
  throwIfAborted(signal);
  const bytes = new Uint8Array(loaded);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}
