// Makes dist/ from src/ and the generated glue in wasm/ (`cargo xtask web`).
import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
process.chdir(root);

for (const file of ["bayes8.js", "bayes8.wasm", "bayes8-relaxed.wasm", "probe.wasm"]) {
  if (!existsSync(`wasm/${file}`)) {
    console.error(`wasm/${file} is missing: run \`cargo xtask web\` at the root of the repository`);
    process.exit(1);
  }
}

// The generated glue keeps its instance in variables of its module; as a function it can have several.
// Its own loader, which fetches the module in many ways, is left out for that of src/engine.ts.
const generated = await build({
  stdin: {
    contents: `import * as generated from "./wasm/bayes8.js";
      glue = {
        async init(module) {
          const instance = await WebAssembly.instantiate(module, generated.__wbg_get_imports());
          generated.__wbg_finalize_init(instance, module);
        },
        Network: generated.Network,
        kernel: generated.kernel,
        uncertainty: generated.uncertainty,
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
const createGlue = `export function createGlue() { let glue; ${generated.outputFiles[0].text} return glue; }`;

rmSync("dist", { recursive: true, force: true });
await build({
  entryPoints: ["index", "node", "worker", "node-worker"].map((name) => `src/${name}.ts`),
  outdir: "dist",
  bundle: true,
  splitting: true,
  chunkNames: "shared-[hash]",
  format: "esm",
  target: "es2022",
  external: ["node:*"],
  minify: true,
  plugins: [
    {
      name: "glue",
      setup(build) {
        build.onResolve({ filter: /^#glue$/ }, () => ({ path: "glue", namespace: "glue" }));
        build.onLoad({ filter: /./, namespace: "glue" }, () => ({ contents: createGlue }));
      },
    },
  ],
});

execFileSync("node", ["node_modules/typescript/bin/tsc", "--emitDeclarationOnly"], { stdio: "inherit" });

// Only the declarations that a user can reach: the others name what is internal.
const reached = new Set(["index.d.ts", "worker.d.ts"]);
for (const file of reached) {
  for (const [, name] of readFileSync(`dist/${file}`, "utf8").matchAll(/from "\.\/([\w-]+)\.js"/g)) reached.add(`${name}.d.ts`);
}
for (const file of readdirSync("dist")) {
  if (file.endsWith(".d.ts") && !reached.has(file)) rmSync(`dist/${file}`);
}

for (const licence of ["LICENSE-MIT", "LICENSE-APACHE"]) copyFileSync(`../../${licence}`, licence);
