/** Runs the conformance vectors in a separate worker, since some of them keep a thread busy. */
import { type Kernel, Model } from "bayes8";
import { check, type VectorFile } from "../../../tests/web/check.js";

export interface VectorsRequest {
  readonly kernel: Kernel;
  /** Addresses of the files of vectors. */
  readonly files: readonly string[];
  /** Addresses of the models by their paths in the repository. */
  readonly models: Readonly<Record<string, string>>;
}

export type VectorsMessage =
  | { readonly kind: "vectors"; readonly group: string; readonly about: string; readonly vectors: readonly Listed[] }
  | { readonly kind: "line"; readonly line: Line }
  | { readonly kind: "end" }
  | { readonly kind: "error"; readonly message: string };

/** The name of a vector, and the logits of the native reference. */
export interface Listed {
  readonly name: string;
  readonly logits: string;
}

/** The result for a vector. */
export interface Line {
  readonly vector?: string;
  readonly kernel: string;
  readonly result: "passed" | "different" | "failed" | "skipped";
  readonly message?: string;
  readonly reason?: string;
}

const MARK = "CONFORMANCE ";
const post = (message: VectorsMessage) => postMessage(message);

async function run({ kernel, files: addresses, models }: VectorsRequest): Promise<void> {
  const files: VectorFile[] = await Promise.all(addresses.map(async (address) => (await fetch(address)).json()));
  for (const { group, about, vectors } of files) {
    post({ kind: "vectors", group, about, vectors: vectors.map(({ name, logits }) => ({ name, logits })) });
  }
  await check({
    target: "browser",
    kernel,
    load: (bytes) => Model.load(bytes, { kernel }),
    files,
    read: async (path) => new Uint8Array(await (await fetch(models[path]!)).arrayBuffer()),
    print: (text) => post({ kind: "line", line: JSON.parse(text.replace(MARK, "")) }),
  });
  post({ kind: "end" });
}

onmessage = ({ data }: MessageEvent<VectorsRequest>) => {
  run(data).catch((error) => post({ kind: "error", message: String(error) }));
};
