// The service worker in headless Chromium.
import { test } from "node:test";
import { BEGUN, drawn, READY } from "./support/actions.js";
import { open, serve, skip } from "./support/site.js";
import { browser } from "./support/visit.js";

test("the site needs a network after the first visit", { skip }, async () => {
  const own = await serve();
  const { page, close } = await open(browser, own.address);
  try {
    await page.evaluate(() => navigator.serviceWorker.ready);
    own.close();
    await page.reload();
    await drawn(page);
    await page.getByRole("link", { name: "Photos" }).first().click();
    await page.locator(".own .answer").getByText("I would rather not answer.").waitFor();
    await page.getByRole("link", { name: "Scenes" }).click();
    await BEGUN.scenes(page);
    await page.getByRole("link", { name: "Curve" }).click();
    await READY.curve(page);
  } finally {
    await close();
  }
});
