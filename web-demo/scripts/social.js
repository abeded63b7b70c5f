// Writes assets/social.png, the card that other sites show for a link to the demo, from the built site.
import { fileURLToPath } from "node:url";
import { launch, open, serve } from "../tests/support/site.js";

const [browser, site] = await Promise.all([launch(), serve()]);
try {
  const { page } = await open(browser, `${site.address}#draw`, { viewport: { width: 1200, height: 630 } });
  await page.locator(".results[aria-busy=false]").waitFor();
  await page.screenshot({ path: fileURLToPath(new URL("../assets/social.png", import.meta.url)), animations: "disabled" });
} finally {
  await browser.close();
  site.close();
}
