import { readFileSync } from "node:fs";
import type { Plugin } from "vite";

/** Writes the service worker with the names of all files of the build. */
export function offline(): Plugin {
  return {
    name: "offline",
    apply: "build",
    generateBundle: {
      order: "post",
      handler(_, bundle) {
        const files = Object.keys(bundle).filter((file) => file !== "index.html");
        const template = readFileSync(new URL("./service-worker.js", import.meta.url), "utf8");
        const source = template.replace("const FILES = [];", `const FILES = ${JSON.stringify(files.sort())};`);
        this.emitFile({ type: "asset", fileName: "service-worker.js", source });
      },
    },
  };
}
