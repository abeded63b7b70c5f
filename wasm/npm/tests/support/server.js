import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { gzipSync } from "node:zlib";

const TYPES = {
  ".css": "text/css",
  ".html": "text/html",
  ".jpg": "image/jpeg",
  ".js": "text/javascript",
  ".json": "application/json",
  ".mjs": "text/javascript",
  ".png": "image/png",
  ".wasm": "application/wasm",
  ".woff2": "font/woff2",
};

/**
 * Serves files as a plain host does, without headers for isolation unless `headers` has them. `folders` maps prefixes
 * of paths to folders; the first that fits counts. `requests` lists all requests as "status path". `compressed` gzips
 * all files.
 */
export async function serve(folders, headers = {}, { compressed = false } = {}) {
  const requests = [];
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, "http://localhost");
    const path = normalize(pathname.endsWith("/") ? `${pathname}index.html` : pathname);
    const [prefix, folder] = Object.entries(folders).find(([prefix]) => path.startsWith(prefix)) ?? [];
    try {
      const file = await readFile(join(folder, path.slice(prefix.length)));
      const body = compressed ? gzipSync(file, { level: 9 }) : file;
      requests.push(`200 ${path}`);
      response.writeHead(200, {
        ...headers,
        ...(compressed ? { "content-encoding": "gzip" } : {}),
        "content-type": TYPES[extname(path)] ?? "application/octet-stream",
        "content-length": body.length,
      });
      response.end(body);
    } catch {
      requests.push(`404 ${path}`);
      response.writeHead(404, headers).end();
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    address: `http://127.0.0.1:${server.address().port}`,
    requests,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
