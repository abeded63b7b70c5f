// Prints the gzipped size of all that the Draw page transfers, and fails if it exceeds its limit.
import { readFileSync, readdirSync } from "node:fs";
import { gzipSync } from "node:zlib";

const dist = new URL("../dist/", import.meta.url);
const bytes = (file) => readFileSync(new URL(file, dist));
// Fonts are compressed already.
const transferred = (file) => (file.endsWith(".woff2") ? bytes(file).length : gzipSync(bytes(file), { level: 9 }).length);

const html = bytes("index.html").toString();
const assets = readdirSync(new URL("assets/", dist)).map((file) => `assets/${file}`);
const named = assets.filter((file) => html.includes(file));
// The worker of the pool.
const workers = assets.filter((file) => /\/worker-/.test(file));
const page = ["index.html", ...new Set([...named, ...workers])];
const modules = assets.filter((file) => /\/bayes8(-relaxed)?-.*\.wasm$/.test(file));

const sum = (files) => files.reduce((sum, file) => sum + transferred(file), 0);
const own = sum(page);
const module = Math.max(...modules.map(transferred));
const model = sum(assets.filter((file) => /\/mnist-cnn/.test(file)));
const LIMIT = 150_000;
const LIMIT_OF_ALL = 700_000;
for (const file of page) console.log(`  ${file.padEnd(44)} ${(transferred(file) / 1000).toFixed(1).padStart(7)} kB`);
console.log(`Draw: HTML, CSS, JavaScript, font             ${(own / 1000).toFixed(1).padStart(8)} kB gzipped of ${LIMIT / 1000} kB`);
console.log(`with the larger of the WebAssembly modules    ${((own + module) / 1000).toFixed(1).padStart(8)} kB`);
const all = own + module + model;
console.log(`and the model                                 ${(all / 1000).toFixed(1).padStart(8)} kB of ${LIMIT_OF_ALL / 1000} kB`);
if (model === 0) throw new Error("no model among the assets");
if (own > LIMIT || all > LIMIT_OF_ALL) process.exit(1);
