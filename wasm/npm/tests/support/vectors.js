// Models and pictures of the conformance vectors.
import { readFileSync } from "node:fs";
import { ROOT } from "./files.js";

/** A model of the conformance vectors, and its first set of pictures. */
export function vectorOf(group, model) {
  const file = JSON.parse(readFileSync(`${ROOT}tests/vectors/${group}.json`, "utf8"));
  const { pictures } = file.vectors.find((vector) => vector.model === model);
  const { count, base64 } = file.pictures[pictures];
  const bytes = new Uint8Array(Buffer.from(base64, "base64"));
  const length = bytes.length / count;
  return {
    file: new Uint8Array(Buffer.from(file.models[model].base64, "base64")),
    pictures: Array.from({ length: count }, (_, index) => bytes.slice(index * length, (index + 1) * length)),
  };
}
