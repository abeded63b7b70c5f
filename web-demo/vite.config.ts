import { defineConfig, type Plugin } from "vite";
import { offline } from "./offline/plugin.js";
import * as links from "./src/lib/links.js";

/** Replaces each %NAME% in index.html by the address of that name in src/lib/links.ts. */
const addresses: Plugin = {
  name: "addresses",
  transformIndexHtml: {
    order: "pre",
    handler: (html) => Object.entries(links).reduce((html, [name, address]) => html.replaceAll(`%${name}%`, address), html),
  },
};

export default defineConfig({
  // Runs in any folder of a server.
  base: "./",
  build: {
    // Separate files, so that a picture is fetched only when it is shown.
    assetsInlineLimit: 0,
  },
  plugins: [addresses, offline()],
  worker: { format: "es" },
  // Models, vectors and the package are outside this folder.
  server: { fs: { allow: [".."] } },
});
