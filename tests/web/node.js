// Runs the conformance vectors in Node, with the built npm package.
import { readFile, readdir } from "node:fs/promises";
import "../../wasm/npm/tests/support/relaxed.js";
import { Model } from "../../wasm/npm/dist/node.js";
import { ROOT } from "../../wasm/npm/tests/support/files.js";
import { check } from "./check.js";
import { targets } from "./targets.js";

const folder = `${ROOT}tests/vectors/`;
const names = (await readdir(folder)).filter((name) => name.endsWith(".json")).sort();
const files = await Promise.all(names.map(async (name) => JSON.parse(await readFile(folder + name, "utf8"))));
const read = (path) => readFile(ROOT + path);
for (const target of targets(Model, "Node")) await check({ ...target, files, read, print: console.log });
