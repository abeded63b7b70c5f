// Makes dist/ from src/ and the generated glue in wasm/ (`cargo xtask web`).
import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
process.chdir(root);

for (const file of ["bayes8.js", "bayes8.wasm", "bayes8-relaxed.wasm", "probe.wasm"]) {
  if (!existsSync(`wasm/${file}`)) {
    console.error(`wasm/${file} is missing: run \`cargo xtask web\` at the root of the repository`);
    process.exit(1);
  }
}

// The generated glue keeps its instance in variables of its module. Wrapped in a function, it can have
// several. Its loader is left out: src/engine.ts loads the module.
const generated = await build({
  stdin: {
    contents: `import * as generated from "./wasm/bayes8.js";
      glue = {
        async init(module) {
          const instance = await WebAssembly.instantiate(module, generated.__wbg_get_imports());
          generated.__wbg_finalize_init(instance, module);
        },
        LoadedModel: generated.LoadedModel,
        kernel: generated.kernel,
        figures: generated.figures,
        logitsDigest: generated.logitsDigest,
      };`,
    resolveDir: root,
  },
  bundle: true,
  format: "esm",
  target: "es2022",
  write: false,
  plugins: [
    {
      name: "parts of the loader",
      setup(build) {
        build.onLoad({ filter: /wasm[\\/]bayes8\.js$/ }, ({ path }) => ({
          contents: `${readFileSync(path, "utf8")}\nexport { __wbg_get_imports, __wbg_finalize_init };`,
        }));
      },
    },
  ],
});

/** The modules that the sources import by a name that begins with `#`: code, or bytes. */
const parts = {
  "#glue": { contents: `export function createGlue(TextDecoder = globalThis.TextDecoder) { let glue; ${generated.outputFiles[0].text} return glue; }` },
  "#probe": { contents: readFileSync("wasm/probe.wasm"), loader: "binary" },
};

/** Bundles sources into dist/. */
const bundle = (names, options) =>
  build({
    entryPoints: names.map((name) => `src/${name}.ts`),
    outdir: "dist",
    bundle: true,
    format: "esm",
    target: "es2022",
    platform: "neutral",
    external: ["node:*"],
    minify: true,
    sourcemap: true,
    plugins: [
      {
        name: "parts",
        setup(build) {
          build.onResolve({ filter: /^#/ }, ({ path }) => ({ path, namespace: "parts" }));
          build.onLoad({ filter: /./, namespace: "parts" }, ({ path }) => parts[path]);
        },
      },
    ],
    ...options,
  });

rmSync("dist", { recursive: true, force: true });
mkdirSync("dist");

// The worker is one file without imports or exports, so that it can be copied, and started in any way.
await bundle(["worker"], { format: "iife" });
await bundle(["index"]);
// Node prints the line of an error, which must not be the whole package.
await bundle(["node", "node-worker"], { minify: false });

const gzipped = (module) => JSON.stringify(gzipSync(readFileSync(`wasm/${module}.wasm`), { level: 9 }).toString("base64"));
const { outputFiles } = await bundle(["worker", "node-worker"], { format: "cjs", write: false, sourcemap: false });
const code = (name) => JSON.stringify(outputFiles.find(({ path }) => /[\w-]+(?=\.js$)/.exec(path)[0] === name).text);
parts["#embedded"] = {
  contents: `export const baseline = ${gzipped("bayes8")};
    export const relaxed = ${gzipped("bayes8-relaxed")};
    export const worker = ${code("worker")};
    export const nodeWorker = ${code("node-worker")};`,
};
await bundle(["inline"], { sourcemap: false });
await bundle(["inline-node"], { sourcemap: false, minify: false });

// The type of `import module from "bayes8/bayes8.wasm"`, on runtimes that can import modules.
writeFileSync(
  "dist/wasm.d.ts",
  'import type { CompiledModule } from "./engine.js";\ndeclare const module: CompiledModule;\nexport default module;\n',
);

execFileSync("node", ["node_modules/typescript/bin/tsc", "--emitDeclarationOnly"], { stdio: "inherit" });

// Keep only the declarations that a user can reach; the others are internal.
const reached = new Set(["index.d.ts", "inline.d.ts", "wasm.d.ts", "worker.d.ts"]);
for (const file of reached) {
  for (const [, name] of readFileSync(`dist/${file}`, "utf8").matchAll(/from "\.\/([\w-]+)\.js"/g)) reached.add(`${name}.d.ts`);
}
for (const file of readdirSync("dist")) {
  if (file.endsWith(".d.ts") && !reached.has(file)) rmSync(`dist/${file}`);
}

for (const licence of ["LICENSE-MIT", "LICENSE-APACHE"]) copyFileSync(`../../${licence}`, licence);
