// Prints the time until the first prediction of the Draw page in a new browser: from this machine, and at 4 Mbit/s
// with 50 ms of latency. Each is the median of five visits.
import { launch, open, serve } from "../tests/support/site.js";

const VISITS = 5;
const NETWORKS = {
  "local server": undefined,
  "4 Mbit/s": { offline: false, latency: 50, downloadThroughput: 500_000, uploadThroughput: 500_000 },
};

const [browser, site] = await Promise.all([launch(), serve({ compressed: true })]);
try {
  for (const [name, network] of Object.entries(NETWORKS)) {
    const times = [];
    for (let visit = 0; visit < VISITS; visit++) {
      const throttle = async (page) => {
        if (!network) return;
        const session = await page.context().newCDPSession(page);
        await session.send("Network.enable");
        await session.send("Network.emulateNetworkConditions", network);
      };
      const { page, close } = await open(browser, `${site.address}#draw`, { before: throttle });
      await page.locator(".results[aria-busy=false]").waitFor();
      times.push(await page.evaluate(() => performance.getEntriesByName("first prediction")[0].startTime));
      await close();
    }
    times.sort((a, b) => a - b);
    console.log(`${name.padEnd(14)} ${(times[VISITS >> 1] / 1000).toFixed(2)} s`);
  }
} finally {
  await browser.close();
  site.close();
}
