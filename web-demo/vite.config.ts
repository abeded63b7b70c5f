import { defineConfig } from "vite";
import { offline } from "./offline/plugin.js";

export default defineConfig({
  // Works in any folder of a server.
  base: "./",
  build: {
    // Files of their own, so that a picture is fetched when it is shown.
    assetsInlineLimit: 0,
  },
  plugins: [offline()],
  worker: { format: "es" },
  // Models, vectors and the package lie beside this folder.
  server: { fs: { allow: [".."] } },
});
