import { abortError, Bayes8Error, throwIfAborted, toBayes8Error } from "./error.js";
import { bytesOf, isBlob, kindOf, readBlob } from "./kinds.js";
import { checkLimits, invalid } from "./options.js";
import { platform } from "./platform.js";

/**
 * The source of a file: a URL (in Node a path too), a `Response`, a `Blob`, or the bytes, which are read but
 * never kept or changed.
 */
export type Source = string | URL | Response | Blob | ArrayBuffer | Uint8Array;

/** Bytes downloaded so far; `total` is absent if the server does not tell it. */
export interface Progress {
  readonly loaded: number;
  readonly total?: number;
}

export interface ReadOptions {
  /** Called while the file arrives. If it throws, the call rejects with that error. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Limit on the size of the file; default: 2^30. A larger file is refused as soon as its size is known. */
  readonly maxBytes?: number | undefined;
  /** Milliseconds without a byte after which a download is given up; default: 30,000. */
  readonly timeout?: number | undefined;
  /** The hash that the file must have: `sha256-`, `sha384-` or `sha512-` and base64, as in a `<script>`. */
  readonly integrity?: string | undefined;
}

/** The value of `option` for pictures: no call has options for reading them. */
export const PICTURE = "picture";

const MOST_BYTES = 2 ** 30;
const PATIENCE = 30_000;
/** Timers with more milliseconds fire at once. */
const LONGEST_TIMER = 2 ** 31 - 1;

const isResponse = (value: unknown): value is Response => kindOf(value) === "Response";
const isAddress = (value: unknown): value is string | URL => typeof value === "string" || kindOf(value) === "URL";

/** A shortened address: it may hold a whole file. */
const brief = (address: string): string => (address.length > 200 ? `${address.slice(0, 100)}…` : address);

/** The name of `source` in messages. */
export function nameOf(source: Source): string {
  if (isAddress(source)) return brief(String(source));
  return (isResponse(source) && source.url) || "the given file";
}

/** `error`, with the name of the file in front if it is about the contents of a model file. */
export function withName(source: Source, error: unknown): Bayes8Error {
  const known = toBayes8Error(error);
  if (known.code !== "invalid-model") return known;
  return new Bayes8Error(known.code, `${nameOf(source)}: ${known.message}`, known);
}

/** All bytes of `source`, which the caller gave as `option`. */
export async function read(source: Source, options: ReadOptions, option = "source"): Promise<Uint8Array> {
  const { maxBytes = MOST_BYTES, timeout = PATIENCE, integrity, signal } = options;
  checkLimits({ maxBytes, timeout });
  const check = integrity === undefined ? undefined : parseIntegrity(integrity);
  throwIfAborted(signal);
  const name = nameOf(source);
  const refuse = (bytes: number) => {
    if (bytes > maxBytes) {
      const advice = option === PICTURE ? "" : ": raise maxBytes if it should have";
      throw new Bayes8Error("network", `${name} has more than ${maxBytes} bytes${advice}`);
    }
  };
  const bytes = bytesOf(source) ?? (await download(source, { ...options, name, option, timeout, refuse }));
  refuse(bytes.length);
  await check?.(bytes, name);
  throwIfAborted(signal);
  return bytes;
}

interface Download extends ReadOptions {
  readonly name: string;
  readonly option: string;
  readonly timeout: number;
  /** Throws if these are too many bytes. */
  refuse(bytes: number): void;
}

async function download(source: unknown, options: Download): Promise<Uint8Array> {
  const { name, option, signal, timeout } = options;
  const stop = new AbortController();
  // Why it was stopped: by the caller, or because it stalled.
  let stopped: Bayes8Error | undefined;
  const abort = (error: Bayes8Error) => {
    stopped ??= error;
    stop.abort();
  };
  const onAbort = () => abort(abortError(signal!));
  const limit = option === PICTURE ? "" : ", the option timeout";
  const stall = () => abort(new Bayes8Error("network", `${name}: nothing came for ${timeout} ms${limit}`));
  let timer: ReturnType<typeof setTimeout> | undefined;
  const arrived = () => {
    clearTimeout(timer);
    if (timeout <= LONGEST_TIMER) timer = setTimeout(stall, timeout);
  };
  signal?.addEventListener("abort", onAbort);
  arrived();
  try {
    const opened = await open(source, stop.signal, options);
    arrived();
    if (!isResponse(opened)) {
      report(options, { loaded: opened.length, total: opened.length });
      return opened;
    }
    if (!opened.ok) {
      // An unread body would keep the connection open.
      void opened.body?.cancel().catch(() => {});
      throw new Bayes8Error("network", `${name}: HTTP ${opened.status} ${opened.statusText}`.trim());
    }
    const bytes = await body(opened, options, stop.signal, arrived);
    if (stopped) throw stopped;
    return bytes;
  } catch (error) {
    if (stopped) throw stopped;
    if (error instanceof Thrown) throw error.value;
    if (error instanceof Bayes8Error) throw error;
    throw new Bayes8Error("network", `cannot read ${name}: ${reason(error)}`, error);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
  }
}

/** A value that a function of the caller threw, on its way back to the caller. */
class Thrown {
  constructor(readonly value: unknown) {}
}

function report({ onProgress }: Download, progress: Progress): void {
  try {
    onProgress?.(progress);
  } catch (error) {
    throw new Thrown(error);
  }
}

async function open(source: unknown, signal: AbortSignal, { option, refuse }: Download): Promise<Response | Uint8Array> {
  if (isResponse(source)) {
    if (!source.bodyUsed) return source;
    throw new Bayes8Error("invalid-option", `${option}: the body of this Response was read already; fetch it again`);
  }
  if (isBlob(source)) {
    refuse(source.size);
    return new Uint8Array(await readBlob(source));
  }
  if (source === "") throw new Bayes8Error("invalid-option", `${option}: the address is empty`);
  if (isAddress(source)) return platform().open(source, signal, refuse);
  throw invalid(option, "a URL, Response, Blob, ArrayBuffer or Uint8Array", source);
}

// Node's fetch says "fetch failed" and hides why in the cause.
function reason(error: unknown): string {
  const { message, cause } = (error ?? {}) as { message?: string; cause?: { message?: string } };
  return cause?.message ? `${message}: ${cause.message}` : (message ?? String(error));
}

async function body(response: Response, options: Download, stop: AbortSignal, arrived: () => void): Promise<Uint8Array> {
  // The length of the transfer, which differs from the file's if it is compressed. The server of another
  // origin may hide the compression: then more bytes arrive than it announced.
  const length = response.headers.get("content-encoding") ? 0 : Number(response.headers.get("content-length"));
  const pieces: Uint8Array[] = [];
  let loaded = 0;
  const reader = response.body?.getReader();
  const cancel = () => void reader?.cancel().catch(() => {});
  // A response that the caller fetched does not have this signal.
  stop.addEventListener("abort", cancel);
  try {
    options.refuse(length);
    for (let piece; reader && !(piece = await reader.read()).done; ) {
      arrived();
      pieces.push(piece.value);
      loaded += piece.value.length;
      options.refuse(loaded);
      report(options, loaded <= length ? { loaded, total: length } : { loaded });
    }
  } catch (error) {
    cancel();
    throw error;
  }
  const bytes = new Uint8Array(loaded);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

// 32, 48 and 64 bytes in base64, with or without padding.
const INTEGRITY = /^(?:(sha256)-([A-Za-z0-9+/]{43})=?|(sha384)-([A-Za-z0-9+/]{64})|(sha512)-([A-Za-z0-9+/]{86})={0,2})$/;

/** Returns a check that throws if bytes have another hash. */
function parseIntegrity(integrity: string): (bytes: Uint8Array, name: string) => Promise<void> {
  const [algorithm, expected] = INTEGRITY.exec(integrity)?.slice(1).filter((part) => part !== undefined) ?? [];
  if (!algorithm) throw invalid("integrity", '"sha256-", "sha384-" or "sha512-" and one hash in base64', integrity);
  return async (bytes, name) => {
    if (!globalThis.crypto?.subtle) {
      throw new Bayes8Error("unsupported", "integrity: only pages from https or localhost can compute hashes");
    }
    const hash = await crypto.subtle.digest(algorithm.replace("sha", "SHA-"), bytes.slice());
    const found = btoa(String.fromCharCode(...new Uint8Array(hash)));
    if (found.replace(/=+$/, "") !== expected) {
      throw new Bayes8Error("invalid-model", `${name} has the hash ${algorithm}-${found}, but integrity says ${integrity}`);
    }
  };
}
