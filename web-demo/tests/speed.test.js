// The Speed page in headless Chromium.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { excessWidth, READY } from "./support/actions.js";
import { skip } from "./support/site.js";
import { visit } from "./support/visit.js";

describe("Speed", () => {
  test("a rate has no scale or no spread", { skip }, () =>
    visit("#speed", { size: "phone" }, async (page) => {
      await READY.speed(page);
      const number = (text) => Number(text.replaceAll(",", ""));
      const end = number(await page.locator(".scale span").last().textContent());
      for (const row of await page.locator(".speed tbody tr").all()) {
        const [slowest, fastest] = (await row.locator(".range").textContent()).split("–").map(number);
        const median = number(await row.locator("output").textContent());
        assert.ok(slowest <= median && median <= fastest && fastest <= end, `${slowest} ${median} ${fastest} of ${end}`);
        const place = await row.locator(".rate").evaluate((rate) => {
          const [whole, spread] = [rate, rate.querySelector(".spread")].map((element) => element.getBoundingClientRect());
          return [(spread.left - whole.left) / whole.width, (spread.right - whole.left) / whole.width];
        });
        assert.ok(Math.abs(place[0] - slowest / end) < 0.05 && Math.abs(place[1] - fastest / end) < 0.05, `${place}`);
      }
      // A machine that is ten times faster has longer numbers.
      await page.evaluate(() => {
        for (const element of document.querySelectorAll(".speed .range, .speed output, .scale span")) element.textContent = element.textContent.replace(/[\d,]+/g, "88,888");
      });
      const wider = await excessWidth(page);
      assert.ok(wider <= 0, `${wider} pixels wider than the window`);
    }),
  );
});
