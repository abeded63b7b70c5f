import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { PACKAGE } from "./files.js";

/** Packs the package and unpacks the tarball into `target`. Returns the tarball, in `folder`, and the names of its files. */
export function unpack(folder, target) {
  const pack = ["pack", "--json", "--ignore-scripts", "--pack-destination", folder];
  const [{ filename, files }] = JSON.parse(execFileSync("npm", pack, { cwd: PACKAGE, encoding: "utf8" }));
  const tarball = join(folder, filename);
  mkdirSync(target, { recursive: true });
  execFileSync("tar", ["-xzf", tarball, "-C", target, "--strip-components=1"]);
  return { tarball, files: files.map(({ path }) => path) };
}

/**
 * A folder with `node_modules/bayes8` as a user gets it, unpacked from the tarball, next to the packages that
 * `names` lists. It is removed after the tests.
 */
export function installed(...names) {
  const folder = mkdtempSync(join(tmpdir(), "bayes8-"));
  after(() => rmSync(folder, { recursive: true, force: true }));
  const packed = unpack(folder, join(folder, "node_modules", "bayes8"));
  for (const name of names) {
    const link = join(folder, "node_modules", name);
    mkdirSync(join(link, ".."), { recursive: true });
    symlinkSync(join(PACKAGE, "node_modules", name), link);
  }
  return { folder, ...packed };
}
