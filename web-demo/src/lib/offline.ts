/** The mark of the first prediction, which whoever measures the page looks for too. */
export const FIRST_PREDICTION = "first prediction";

/** Longest wait for it, on pages that make none at once, and the rest that the page has after it. */
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
 * Keeps the site for later visits without a network, where the browser allows it. That fetches all of the
 * site, so it waits until the first prediction is there.
 */
export async function keepOffline(): Promise<void> {
  if (!import.meta.env.PROD || !("serviceWorker" in navigator)) return;
  await Promise.race([predicted(), wait(LONGEST_MILLISECONDS)]);
  await wait(REST_MILLISECONDS);
  // Not vital: without it the site needs a network, as most do.
  await navigator.serviceWorker.register("./service-worker.js").catch(() => {});
}
