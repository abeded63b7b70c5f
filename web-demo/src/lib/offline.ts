/** The performance mark of the first prediction, which tests and measurements also use. */
export const FIRST_PREDICTION = "first prediction";

/** Longest wait for that mark, since some pages predict late; and the pause after it. */
const LONGEST_MILLISECONDS = 10_000;
const REST_MILLISECONDS = 2000;

const wait = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

const predicted = () =>
  new Promise<void>((resolve) =>
    new PerformanceObserver((list, observer) => {
      if (list.getEntriesByName(FIRST_PREDICTION).length === 0) return;
      observer.disconnect();
      resolve();
    }).observe({ type: "mark", buffered: true }),
  );

/**
 * Stores the site for visits without a network, if the browser allows it. That fetches the whole site, so it
 * waits for the first prediction.
 */
export async function keepOffline(): Promise<void> {
  if (!import.meta.env.PROD || !("serviceWorker" in navigator)) return;
  await Promise.race([predicted(), wait(LONGEST_MILLISECONDS)]);
  await wait(REST_MILLISECONDS);
  // Without a service worker, the site only needs a network.
  await navigator.serviceWorker.register("./service-worker.js").catch(() => {});
}
