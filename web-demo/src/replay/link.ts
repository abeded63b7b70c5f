/** A prediction as text: all that its bits depend on, in the hash of a URL. */
import { isModelName, type ModelName } from "../model/models.js";

/** A picture that ships with the repository, or bytes in the model's shape. */
export type ReplayPicture = { readonly name: string } | { readonly bytes: Uint8Array };

export interface Replay {
  readonly model: ModelName;
  readonly picture: ReplayPicture;
  readonly seed: bigint;
  readonly samples: number;
  /** SHA-256 of the logits where the link was made. */
  readonly digest?: string;
}

/** More would keep a phone busy for minutes. */
export const MOST_SAMPLES = 1024;
const LAST_SEED = 2n ** 64n - 1n;
const INLINE = "bytes:";

export function toHash({ model, picture, seed, samples, digest }: Replay): string {
  const parameters = new URLSearchParams({
    model,
    picture: "name" in picture ? picture.name : INLINE + toBase64Url(picture.bytes),
    seed: String(seed),
    samples: String(samples),
    ...(digest ? { digest } : {}),
  });
  return `#replay?${parameters}`;
}

/** What a link asks for; whatever is missing or none is as in `fallback`. */
export function fromParameters(parameters: URLSearchParams, fallback: Replay): Replay {
  const model = parameters.get("model") ?? "";
  const picture = parameters.get("picture") ?? "";
  const digest = parameters.get("digest") ?? "";
  return {
    model: isModelName(model) ? model : fallback.model,
    picture: parsePicture(picture) ?? fallback.picture,
    seed: parseSeed(parameters.get("seed")) ?? fallback.seed,
    samples: parseSamples(parameters.get("samples")) ?? fallback.samples,
    ...(/^[0-9a-f]{64}$/.test(digest) ? { digest } : {}),
  };
}

export function parseSeed(text: string | null): bigint | undefined {
  if (!text || !/^\d{1,20}$/.test(text) || BigInt(text) > LAST_SEED) return undefined;
  return BigInt(text);
}

export function parseSamples(text: string | null): number | undefined {
  const samples = Number(text);
  return text && Number.isInteger(samples) && samples >= 1 && samples <= MOST_SAMPLES ? samples : undefined;
}

function parsePicture(text: string): ReplayPicture | undefined {
  if (/^[\w-]+\.png$/.test(text)) return { name: text };
  if (!text.startsWith(INLINE)) return undefined;
  try {
    const binary = atob(text.slice(INLINE.length).replaceAll("-", "+").replaceAll("_", "/"));
    return { bytes: Uint8Array.from(binary, (character) => character.charCodeAt(0)) };
  } catch {
    return undefined;
  }
}

function toBase64Url(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}

/** The same prediction on a command line. */
export function command({ model, picture, seed, samples }: Replay): string {
  const file = "name" in picture ? `models/pictures/${picture.name}` : PICTURE_FILE;
  return `bayes8 predict models/${model}.safetensors ${file} --seed ${seed} --samples ${samples} --json`;
}

/** What the picture of a link is called when it is saved. */
export const PICTURE_FILE = "picture.png";
