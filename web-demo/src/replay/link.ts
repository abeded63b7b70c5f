/** A prediction as a link: the hash of a URL has everything that its bits depend on. */
import { isModelName, type ModelName } from "../model/models.js";

/** A picture that ships with the repository, or bytes in the model's shape. */
export type ReplayPicture = { readonly name: string } | { readonly bytes: Uint8Array };

export interface Replay {
  readonly model: ModelName;
  readonly picture: ReplayPicture;
  readonly seed: bigint;
  readonly samples: number;
  /** SHA-256 of the logits on the machine that made the link. */
  readonly digest?: string;
}

/** More samples would keep a phone busy for minutes. */
export const MOST_SAMPLES = 1024;
const LAST_SEED = 2n ** 64n - 1n;
const INLINE = "bytes:";

/** The check comes first, so that a truncated link still has it. */
export function toHash({ model, picture, seed, samples, digest }: Replay): string {
  const parameters = new URLSearchParams({
    model,
    picture: "name" in picture ? picture.name : INLINE + toBase64Url(packed(picture.bytes)),
    seed: String(seed),
    samples: String(samples),
    ...(digest ? { digest } : {}),
  });
  return `#replay?check=${checkOf(parameters)}&${parameters}`;
}

/** The prediction of a link, with missing parts from `fallback`; undefined if the link is damaged. */
export function fromParameters(parameters: URLSearchParams, fallback: Replay): Replay | undefined {
  const { check, ...given } = Object.fromEntries(parameters);
  if (check !== undefined && check !== checkOf(new URLSearchParams(given))) return undefined;
  const read = <T>(name: string, parse: (text: string) => T | undefined, otherwise: T): T | undefined =>
    given[name] === undefined ? otherwise : parse(given[name]);
  const model = read("model", (name) => (isModelName(name) ? name : undefined), fallback.model);
  const picture = read("picture", parsePicture, fallback.picture);
  const seed = read("seed", parseSeed, fallback.seed);
  const samples = read("samples", parseSamples, fallback.samples);
  const digest = read("digest", (text) => (/^[0-9a-f]{64}$/.test(text) ? text : undefined), "");
  if (model === undefined || picture === undefined || seed === undefined || samples === undefined || digest === undefined) return undefined;
  return { model, picture, seed, samples, ...(digest ? { digest } : {}) };
}

/** FNV-1a, which detects damage to the link. The digest is what checks the bits of the prediction. */
function checkOf(parameters: URLSearchParams): string {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(String(parameters))) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, "0");
}

export function parseSeed(text: string): bigint | undefined {
  if (!/^\d{1,20}$/.test(text) || BigInt(text) > LAST_SEED) return undefined;
  return BigInt(text);
}

export function parseSamples(text: string): number | undefined {
  const samples = Number(text);
  return Number.isInteger(samples) && samples >= 1 && samples <= MOST_SAMPLES ? samples : undefined;
}

function parsePicture(text: string): ReplayPicture | undefined {
  if (/^[\w-]+\.png$/.test(text)) return { name: text };
  if (!text.startsWith(INLINE)) return undefined;
  try {
    const binary = atob(text.slice(INLINE.length).replaceAll("-", "+").replaceAll("_", "/"));
    return { bytes: unpacked(Uint8Array.from(binary, (character) => character.charCodeAt(0))) };
  } catch {
    return undefined;
  }
}

/** Run-length coding of zeros, which are most of a drawing: each zero is followed by the length of its run. */
export function packed(bytes: Uint8Array): Uint8Array {
  const result: number[] = [];
  for (let at = 0; at < bytes.length; ) {
    const value = bytes[at++]!;
    result.push(value);
    if (value > 0) continue;
    let zeros = 1;
    for (; bytes[at] === 0 && zeros < 255; at++) zeros++;
    result.push(zeros);
  }
  return Uint8Array.from(result);
}

export function unpacked(bytes: Uint8Array): Uint8Array {
  const result: number[] = [];
  for (let at = 0; at < bytes.length; at++) {
    if (bytes[at]! > 0) result.push(bytes[at]!);
    else for (let zeros = bytes[++at] ?? 0; zeros > 0; zeros--) result.push(0);
  }
  return Uint8Array.from(result);
}

function toBase64Url(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}

/** The command line that repeats the prediction. */
export function command({ model, picture, seed, samples }: Replay): string {
  const file = "name" in picture ? `models/pictures/${picture.name}` : PICTURE_FILE;
  return `bayes8 predict models/${model}.safetensors ${file} --seed ${seed} --samples ${samples} --json`;
}

/** The file name under which the picture of a link is saved. */
export const PICTURE_FILE = "picture.png";
