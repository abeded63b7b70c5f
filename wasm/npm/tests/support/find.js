import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

/** The path of a browser: the value of `variable`, or the first of `names` on the PATH. */
export function find(variable, names) {
  if (process.env[variable]) return process.env[variable];
  const folders = (process.env.PATH ?? "").split(delimiter);
  return folders.flatMap((folder) => names.map((name) => join(folder, name))).find((path) => existsSync(path));
}

export const CHROMIUM = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
