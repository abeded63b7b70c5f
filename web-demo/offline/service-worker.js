// Stores the whole site, so that it works without a network after the first visit. The build puts the names of all
// files in here (plugin.ts). All names except the page's contain a hash, so a stored file is never stale.
const FILES = [];
const CACHE = "bayes8-demo";

const addresses = FILES.map((file) => new URL(file, registration.scope).href);
const page = new URL("./", registration.scope).href;

addEventListener("install", (event) => {
  skipWaiting();
  event.waitUntil(keepAll());
});

addEventListener("activate", (event) => {
  event.waitUntil(dropOthers().then(() => clients.claim()));
});

addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET") return;
  if (request.mode === "navigate") event.respondWith(newestPage(request));
  else if (addresses.includes(request.url)) event.respondWith(keptOrFetched(request));
});

async function keepAll() {
  const cache = await caches.open(CACHE);
  await cache.add(new Request(page, { cache: "no-cache" }));
  for (const address of addresses) {
    if (!(await cache.match(address))) await cache.add(address);
  }
}

async function dropOthers() {
  const cache = await caches.open(CACHE);
  for (const { url } of await cache.keys()) {
    if (url !== page && !addresses.includes(url)) await cache.delete(url);
  }
}

/** The newest page, since it names the files of its version; the stored one only without a network. */
async function newestPage(request) {
  return fetch(request).catch(async () => (await (await caches.open(CACHE)).match(page)) ?? Response.error());
}

async function keptOrFetched(request) {
  const kept = await (await caches.open(CACHE)).match(request, { ignoreVary: true });
  return kept ?? fetch(request);
}
