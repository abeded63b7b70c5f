// Writes docs/web-demo.png, the picture of the README, from the built site.
import { fileURLToPath } from "node:url";
import { launch, open, serve } from "../tests/support/site.js";

const [browser, site] = await Promise.all([launch(), serve()]);
try {
  const { page } = await open(browser, `${site.address}#draw`, { reducedMotion: "reduce" });
  await page.locator(".results[aria-busy=false]").waitFor();
  await page.screenshot({ path: fileURLToPath(new URL("../../docs/web-demo.png", import.meta.url)) });
} finally {
  await browser.close();
  site.close();
}
