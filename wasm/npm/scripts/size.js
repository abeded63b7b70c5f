// Prints the gzipped sizes of what the package holds, and fails where one exceeds its limit.
import { readdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const root = new URL("../", import.meta.url);
const gzipped = (file) => gzipSync(readFileSync(new URL(file, root)), { level: 9 }).length;

const shared = readdirSync(new URL("dist/", root)).filter((file) => /^shared-.+\.js$/.test(file));
const page = ["index.js", ...shared];
const rows = [
  ["JavaScript of a page", page.reduce((sum, file) => sum + gzipped(`dist/${file}`), 0), 12_000],
  ["worker.js", gzipped("dist/worker.js"), 3_000],
  ["inline.js", gzipped("dist/inline.js"), 450_000],
  ...["bayes8.wasm", "bayes8-relaxed.wasm"].map((file) => [file, gzipped(`wasm/${file}`), 210_000]),
];
for (const [name, bytes, limit] of rows) {
  const verdict = bytes <= limit ? "ok" : "TOO LARGE";
  console.log(`${name.padEnd(20)} ${(bytes / 1000).toFixed(1).padStart(6)} kB gzipped of ${limit / 1000} kB  ${verdict}`);
}
if (rows.some(([, bytes, limit]) => bytes > limit)) process.exit(1);
