// Writes the pictures of the built site: docs/web-demo.png for the README, and assets/social.png, the card that other
// sites show for a link to the demo.
import { fileURLToPath } from "node:url";
import { launch, open, serve } from "../tests/support/site.js";

const PICTURES = [
  ["../../docs/web-demo.png", { reducedMotion: "reduce" }],
  ["../assets/social.png", { viewport: { width: 1200, height: 630 } }],
];

const [browser, site] = await Promise.all([launch(), serve()]);
try {
  for (const [file, options] of PICTURES) {
    const { page, close } = await open(browser, `${site.address}#draw`, options);
    await page.locator(".results[aria-busy=false]").waitFor();
    await page.screenshot({ path: fileURLToPath(new URL(file, import.meta.url)), animations: "disabled" });
    await close();
  }
} finally {
  await browser.close();
  site.close();
}
