// The Draw page in headless Chromium.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { drawn, example, stroke, value } from "./support/actions.js";
import { SIZES, skip } from "./support/site.js";
import { visit } from "./support/visit.js";

describe("Draw", () => {
  for (const size of Object.keys(SIZES)) {
    test(`the strokes of a seven are not recognized (${size})`, { skip }, () =>
      visit("#draw", { size }, async (page) => {
        await drawn(page);
        await stroke(page, [[0.28, 0.2], [0.7, 0.2], [0.45, 0.85]]);
        await page.getByText("I am sure this is a 7.").waitFor();
        await drawn(page);
        // A second stroke belongs to the same digit; the example from before does not.
        await stroke(page, [[0.4, 0.52], [0.68, 0.52]]);
        await page.waitForFunction(() => document.querySelector(".best .label").textContent === "7");
        await page.locator("[data-erase]").click();
        await page.getByText("Draw something.").waitFor();
      }),
    );
  }

  test("a letter is not unfamiliar, or a clear digit is", { skip }, () =>
    visit("#draw", {}, async (page) => {
      await drawn(page);
      await example(page, "clear");
      const clear = await value(page, "unfamiliarity");
      assert.equal(await page.locator(".best .label").first().textContent(), "3");
      assert.equal(await page.locator(".with .answer").textContent(), "I am sure this is a 3.");
      assert.equal(await page.locator("[data-gloss=unfamiliarity]").textContent(), "similar odds");
      await example(page, "letter");
      const letter = await value(page, "unfamiliarity");
      assert.ok(letter > clear + 5, `${letter} for the letter, ${clear} for the digit`);
      assert.notEqual(await page.locator("[data-gloss=unfamiliarity]").textContent(), "similar odds");
      assert.match(await page.locator(".without .reason").textContent(), /^\d+%, and no sign of doubt/);
    }),
  );

  test("a phone shows charts before both verdicts", { skip }, () =>
    visit("#draw", { size: "phone" }, async (page) => {
      await drawn(page);
      const box = (selector) => page.locator(selector).first().boundingBox();
      const [first, second, chart] = [await box(".with .answer"), await box(".without .answer"), await box(".class-chart")];
      assert.ok(first.y < second.y && second.y + second.height < chart.y);
    }),
  );

  for (const colorScheme of ["light", "dark"]) {
    test(`dots or the threshold are not explained, or cannot be seen (${colorScheme})`, { skip }, () =>
      visit("#draw", { colorScheme }, async (page) => {
        await drawn(page);
        await page.locator(".dots-legend").getByText("a sample’s answer").waitFor();
        await page.locator(".limit").getByText("no answer beyond 50%").waitFor();
        const contrasts = await page.evaluate(() => {
          const bytes = (colour) => colour.match(/[\d.]+/g).slice(0, 3).map(Number);
          const luminance = (rgb) => rgb.map((byte) => byte / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)).reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
          const paper = bytes(getComputedStyle(document.body).backgroundColor);
          return [".votes", ".rest"].map((name) => {
            const { stroke, strokeOpacity } = getComputedStyle(document.querySelector(`.classes ${name}`));
            const seen = bytes(stroke).map((byte, i) => byte * strokeOpacity + paper[i] * (1 - strokeOpacity));
            const [a, b] = [luminance(seen), luminance(paper)].sort((a, b) => b - a);
            return (a + 0.05) / (b + 0.05);
          });
        });
        assert.ok(Math.min(...contrasts) >= 3, `contrasts ${contrasts}`);
      }),
    );
  }

  test("the page cannot be used without a mouse", { skip }, () =>
    visit("#draw", {}, async (page) => {
      await drawn(page);
      const focused = () => page.evaluate(() => document.activeElement.textContent.trim() || document.activeElement.getAttribute("aria-label") || document.activeElement.type);
      const tab = async (until) => {
        for (let keys = 0; keys < 20; keys++) {
          await page.keyboard.press("Tab");
          if ((await focused()).startsWith(until)) return;
        }
        assert.fail(`Tab never comes to ${until}`);
      };
      await tab("Skip to the content");
      await tab("Photos");
      await tab("Drawing pad");
      const press = async (key, times) => {
        for (let n = 0; n < times; n++) await page.keyboard.press(key);
      };
      // A one.
      await press("ArrowUp", 8);
      await press("Space", 1);
      await press("ArrowDown", 16);
      await press("Space", 1);
      await page.waitForFunction(() => document.querySelector(".best .label")?.textContent === "1");
      await drawn(page);
      await press("Backspace", 1);
      await page.getByText("Draw something.").waitFor();
      await tab("A letter");
      await page.keyboard.press("Enter");
      await drawn(page);
      assert.equal(await page.locator("[data-example=letter]").getAttribute("aria-pressed"), "true");
      await tab("range");
      const before = await page.locator(".class-chart .share").allTextContents();
      await press("ArrowRight", 6);
      assert.equal(await page.locator(".seen output").textContent(), "30°");
      // Terms are explained without a mouse too.
      await tab("What do these numbers mean?");
      await page.keyboard.press("Enter");
      await page.getByText("The technical term is epistemic uncertainty.").waitFor();
      await page.waitForFunction((before) => [...document.querySelectorAll(".class-chart .share")].some(({ textContent }, i) => textContent !== before[i]), before);
    }),
  );

  test("another posterior goes on with the network of the one before", { skip }, () =>
    visit("#draw", {}, async (page) => {
      await drawn(page);
      const before = await page.locator(".class-chart .share").allTextContents();
      for (const [name, count] of [["ensemble", "5 of 5 samples"], ["dropout", "48 of 48 samples"], ["none", "1 of 1 sample"]]) {
        await page.locator(".posterior select").selectOption(name);
        await page.getByText(count, { exact: true }).waitFor();
        await drawn(page);
        assert.notDeepEqual(await page.locator(".class-chart .share").allTextContents(), before, name);
      }
    }),
  );

  test("the first prediction waits for more than it needs", { skip }, () =>
    visit("#draw", {}, async (page) => {
      await drawn(page);
      const asked = await page.evaluate(() => {
        const [{ startTime: first }] = performance.getEntriesByName("first prediction");
        const before = performance.getEntriesByType("resource").filter(({ startTime }) => startTime < first);
        return before.map(({ name }) => name.split("/").at(-1).replace(/-[\w-]{8}\./, "."));
      });
      const count = (pattern) => asked.filter((name) => pattern.test(name)).length;
      assert.equal(count(/^mnist-cnn\.safetensors$/), 1, `one model: ${asked}`);
      assert.equal(count(/^bayes8(-relaxed)?\.wasm$/), 1, `one module: ${asked}`);
      const needed = /^((index|models)\.(js|css)|worker\.js|bayes8(-relaxed)?\.wasm|mnist-cnn\.safetensors|.*\.woff2)$/;
      assert.deepEqual(asked.filter((name) => !needed.test(name)), []);
    }),
  );

  test("a page that is loading, cannot load, or has crashed does not say so", { skip }, () => {
    let fail;
    const failing = new Promise((resolve) => (fail = resolve));
    return visit("#draw", { expectProblems: true, before: async (page) => {
      let asked = 0;
      await page.route("**/mnist-cnn*.safetensors", async (route) => {
        if (asked++ > 0) return route.continue();
        await failing;
        return route.abort();
      });
    } }, async (page) => {
      await page.getByText("Loading the network").waitFor();
      fail();
      await page.getByText("The network could not be loaded: the connection failed.").waitFor();
      await page.getByRole("button", { name: "Try again" }).click();
      await drawn(page);
      const [worker] = page.workers();
      await worker.evaluate(() => void setTimeout(() => { throw new Error("crash"); }));
      await page.locator("[data-example=letter]").click();
      await page.getByText("The network stopped unexpectedly.").waitFor();
      await page.getByRole("button", { name: "Try again" }).click();
      await page.getByText("I would rather not answer.").waitFor();
      await drawn(page);
    });
  });

  test("a browser without SIMD is left in the dark", { skip }, () =>
    visit("#draw", { before: (page) => page.addInitScript(() => (WebAssembly.validate = () => false)) }, (page) =>
      page.getByText("Your browser has no WebAssembly SIMD.").waitFor(),
    ),
  );

  test("something moves though the visitor prefers reduced motion", { skip }, () =>
    visit("#draw", { reducedMotion: "reduce" }, async (page) => {
      await drawn(page);
      assert.equal(await page.locator(".bar").first().evaluate((bar) => getComputedStyle(bar).transitionDuration), "0s");
    }),
  );
});
