// The packed package, as a user gets it.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { PACKAGE, modelPath } from "./support/files.js";
import { installed } from "./support/installed.js";

const { folder, tarball, files } = installed("@types/node", "undici-types");
const tool = (name) => join(PACKAGE, "node_modules", ".bin", name);

/** Runs a tool, which must succeed. */
function run(name, parameters, cwd = PACKAGE) {
  const { status, stdout, stderr, error } = spawnSync(tool(name), parameters, { cwd, encoding: "utf8", timeout: 120_000 });
  assert.equal(status, 0, `${name}: ${error ?? ""}${stdout}${stderr}`);
}

test("publint finds fault with the tarball", () => run("publint", ["run", tarball, "--strict"]));

test("are-the-types-wrong finds fault with the tarball", () =>
  // The package is for ES modules only; the .wasm files have no types.
  run("attw", [tarball, "--profile", "esm-only", "--exclude-entrypoints", "bayes8.wasm", "bayes8-relaxed.wasm"]));

test("the tarball lacks a file, or has one that nobody needs", () => {
  for (const file of ["LICENSE-MIT", "LICENSE-APACHE", "README.md", "wasm/bayes8.wasm", "wasm/bayes8-relaxed.wasm"]) {
    assert.ok(files.includes(file), file);
  }
  for (const file of files) {
    assert.match(file, /^(dist\/[\w-]+\.(js|js\.map|d\.ts)|wasm\/[\w-]+\.wasm|LICENSE-\w+|README\.md|package\.json)$/);
  }
});

const consumers = [
  ["browser.ts", { module: "esnext", moduleResolution: "bundler", lib: ["es2022", "dom", "dom.iterable"], types: [] }],
  ["browser.ts", { module: "nodenext", lib: ["es2022", "dom", "dom.iterable"], types: [] }],
  ["server.ts", { module: "nodenext", lib: ["es2022"], types: ["node"] }],
  ["server.ts", { module: "esnext", moduleResolution: "bundler", lib: ["es2022"], types: ["node"] }],
];
for (const [file, options] of consumers) {
  test(`types do not fit a user's code (${file}, ${options.moduleResolution ?? options.module})`, () => {
    copyFileSync(join(PACKAGE, "tests", "types", file), join(folder, file));
    writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
    // Without skipLibCheck: the package's declarations are checked too.
    const compilerOptions = { ...options, strict: true, target: "es2022", noEmit: true, skipLibCheck: false };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files: [file] }));
    run("tsc", ["-p", "."], folder);
  });
}

test("the quick start of the README does not run", () => {
  const [, code] = readFileSync(`${PACKAGE}README.md`, "utf8").match(/```js\n(import .+?)```/s);
  copyFileSync(modelPath("fashion-resnet14"), join(folder, "fashion-resnet14.safetensors"));
  writeFileSync(join(folder, "quick-start.mjs"), `const canvas = new Uint8Array(28 * 28);\n${code}`);
  const { status, stdout, stderr } = spawnSync(process.execPath, ["quick-start.mjs"], { cwd: folder, encoding: "utf8", timeout: 120_000 });
  assert.equal(status, 0, stderr);
  assert.match(stdout, /name: '.+'.+probability: 0\.\d+/s);
});

test("the generated glue is not what the package was written for", () => {
  const options = ["--noEmit", "--strict", "--target", "es2022", "--module", "nodenext", "--lib", "es2022,dom,esnext.disposable"];
  run("tsc", ["--ignoreConfig", ...options, "--types", "node", "tests/types/glue.ts", "src/generated.d.ts"]);
});

test("a file exceeds its size", () => {
  const { status, stdout } = spawnSync(process.execPath, ["scripts/size.js"], { cwd: PACKAGE, encoding: "utf8" });
  assert.equal(status, 0, stdout);
});

test("the lock file names a host other than the public registry", () => {
  const lock = readFileSync(`${PACKAGE}package-lock.json`, "utf8");
  for (const [, host] of lock.matchAll(/"resolved": "https?:\/\/([^/"]+)/g)) assert.equal(host, "registry.npmjs.org");
});
