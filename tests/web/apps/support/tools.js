import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ROOT, modelPath, native, rgbaOf } from "../../../../wasm/npm/tests/support/files.js";
import { unpack } from "../../../../wasm/npm/tests/support/installed.js";

export const APPS = fileURLToPath(new URL("..", import.meta.url));
export const DIST = join(APPS, "dist");
export const BAYES8 = join(APPS, "node_modules", "bayes8");
/** Where pages find models and pictures. */
export const MODELS = { "/models/": join(ROOT, "models") };

const PICTURE = "sandal-8.png";
export const model = modelPath("mnist-scnn");
/** A file with the bytes of the picture, for runtimes that cannot decode PNG. */
export const pixels = join(DIST, "sandal-8.gray");

/** The digest of the native command line for the picture. */
export const digest = native.predictions.find(({ model, picture }) => model === "mnist-scnn" && picture === PICTURE).logitsDigest;
export const both = { single: digest, pool: digest, workers: 2 };

/** Unpacks the tarball of the package into node_modules, as a user gets it. */
export function install() {
  for (const folder of [DIST, BAYES8]) rmSync(folder, { recursive: true, force: true });
  mkdirSync(DIST, { recursive: true });
  unpack(DIST, BAYES8);
  const { data } = rgbaOf(PICTURE);
  writeFileSync(pixels, data.filter((_, index) => index % 4 === 0));
}

/** Settings that keep tools from sending telemetry, checking for updates or using caches of other runs. */
const QUIET = {
  NEXT_TELEMETRY_DISABLED: "1",
  DO_NOT_TRACK: "1",
  DENO_NO_UPDATE_CHECK: "1",
  NODE_OPTIONS: "",
  NODE_ENV: "production",
  CI: "1",
};

/** A program from the package for this machine, `SCOPE/*`. Its launcher would need an installation script. */
export function program(scope, path) {
  const folder = join(APPS, "node_modules", scope);
  return readdirSync(folder).map((name) => join(folder, name, path)).find((file) => existsSync(file));
}

/** Starts a tool of node_modules/.bin, or a program by its path. */
export function start(tool, parameters, options = {}) {
  const command = tool.includes("/") ? tool : join(APPS, "node_modules", ".bin", tool);
  const env = { ...process.env, ...QUIET, ...options.env };
  return spawn(command, parameters, { cwd: APPS, stdio: ["ignore", "pipe", "pipe"], ...options, env });
}

/** Waits until a started server prints `pattern`, and returns its group. */
export function printed(server, pattern) {
  let text = "";
  return new Promise((resolve, reject) => {
    const look = (data) => {
      text += data;
      const [, found] = pattern.exec(text) ?? [];
      if (found) resolve(found);
    };
    for (const stream of server.stdio.slice(1)) stream.on("data", look);
    server.on("error", reject);
    server.on("close", (code) => reject(new Error(`it ended with code ${code}: ${text}`)));
  });
}

/** Runs a tool, which must succeed, and returns its output. The timeout ends a tool that hangs. */
export async function run(tool, parameters, options) {
  const child = start(tool, parameters, { timeout: 300_000, ...options });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (data) => (stdout += data));
  child.stderr.on("data", (data) => (stderr += data));
  const [code, signal] = await new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (...end) => resolve(end));
  });
  assert.equal(code, 0, `${tool} ${parameters.join(" ")}: ${code ?? signal}\n${stdout}${stderr}`);
  return stdout;
}

/** The JSON on the last line of what a program prints. */
export const runJson = async (...parameters) => JSON.parse((await run(...parameters)).trim().split("\n").at(-1));

/** Copies files and folders into a folder. */
export function copy(target, ...files) {
  for (const file of files) cpSync(join(APPS, file), join(APPS, target, basename(file)), { recursive: true });
}
