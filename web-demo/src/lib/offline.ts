/** After the page has settled: what the service worker fetches must not delay the first prediction. */
const DELAY_MILLISECONDS = 2000;

/** Keeps the site for later visits without a network, where the browser allows it. */
export function keepOffline(): void {
  if (!import.meta.env.PROD || !("serviceWorker" in navigator)) return;
  addEventListener("load", () =>
    setTimeout(() => {
      // Not vital: without it the site needs a network, as most do.
      navigator.serviceWorker.register("./service-worker.js").catch(() => {});
    }, DELAY_MILLISECONDS),
  );
}
