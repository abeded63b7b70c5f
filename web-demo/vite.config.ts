import { defineConfig, type Plugin } from "vite";
import { offline } from "./offline/plugin.js";
import * as links from "./src/lib/links.js";

/** Puts the addresses of src/lib/links.ts into index.html, where they stand as %NAME%. */
const addresses: Plugin = {
  name: "addresses",
  transformIndexHtml: {
    order: "pre",
    handler: (html) => Object.entries(links).reduce((html, [name, address]) => html.replaceAll(`%${name}%`, address), html),
  },
};

export default defineConfig({
  // Works in any folder of a server.
  base: "./",
  build: {
    // Files of their own, so that a picture is fetched when it is shown.
    assetsInlineLimit: 0,
  },
  plugins: [addresses, offline()],
  worker: { format: "es" },
  // Models, vectors and the package lie beside this folder.
  server: { fs: { allow: [".."] } },
});
