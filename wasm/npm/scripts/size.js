// Prints the gzipped sizes of the package's files, and fails if one exceeds its limit.
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const root = new URL("../", import.meta.url);
const gzipped = (file) => gzipSync(readFileSync(new URL(file, root)), { level: 9 }).length;

const rows = [
  ["index.js", gzipped("dist/index.js"), 15_200],
  ["worker.js", gzipped("dist/worker.js"), 3_200],
  ["inline.js", gzipped("dist/inline.js"), 565_000],
  ...["bayes8.wasm", "bayes8-relaxed.wasm"].map((file) => [file, gzipped(`wasm/${file}`), 277_000]),
];
for (const [name, bytes, limit] of rows) {
  const verdict = bytes <= limit ? "ok" : "TOO LARGE";
  console.log(`${name.padEnd(20)} ${(bytes / 1000).toFixed(1).padStart(6)} kB gzipped of ${limit / 1000} kB  ${verdict}`);
}
if (rows.some(([, bytes, limit]) => bytes > limit)) process.exit(1);
