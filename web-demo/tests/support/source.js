import { runnerImport } from "vite";
import { DEMO } from "./site.js";

/** Loads a module of src/. */
export const source = async (path) => (await runnerImport(`${DEMO}src/${path}`, { root: DEMO, logLevel: "error", configFile: false })).module;
