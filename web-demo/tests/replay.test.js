// The Replay page in headless Chromium, and the links that lead to it.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { drawn, excessWidth, READY, stroke } from "./support/actions.js";
import { DEMO, skip } from "./support/site.js";
import { visit } from "./support/visit.js";

describe("Replay", () => {
  const native = JSON.parse(readFileSync(join(DEMO, "../wasm/npm/tests/fixtures/native.json"), "utf8"));
  const match = (page) => page.locator(".match[data-match]");

  test("relaxed SIMD gives different bits, or the page does not say that it is missing", { skip }, () =>
    visit("#replay", {}, async (page) => {
      await READY.replay(page);
      const relaxed = page.locator("[name=kernel][value=relaxed]");
      if (await relaxed.isDisabled()) return page.getByText("(not available in this browser)").waitFor();
      await relaxed.check();
      await page.getByText("Finished with relaxed-simd instructions.").waitFor();
      assert.equal(await page.locator(".total").getAttribute("data-end"), "true");
    }),
  );

  test("a link does not reproduce a prediction of the native command line", { skip }, async () => {
    const line = native.predictions.find(({ model, picture }) => model === "mnist-scnn" && picture === "bag-18.png");
    const hash = `#replay?model=${line.model}&picture=${line.picture}&seed=${native.seed}&samples=${native.samples}`;
    await visit(`${hash}&digest=${line.logitsDigest}`, {}, async (page) => {
      await page.getByText("The same bits as the machine that made this link.").waitFor();
      assert.equal(await page.locator("[data-field=digest]").textContent(), line.logitsDigest);
      assert.equal(
        await page.locator("[data-copy=command]").textContent(),
        "bayes8 predict models/mnist-scnn.safetensors models/pictures/bag-18.png --seed 7 --samples 8 --json",
      );
      // Another seed is another prediction, which the link does not cover.
      await page.locator("[name=seed]").fill("8");
      await page.getByText("Nothing to compare with yet").waitFor();
      await page.locator("[name=seed]").fill("-1");
      await page.getByText("The seed must be a whole number").waitFor();
    });
    await visit(`${hash}&digest=${"0".repeat(64)}`, {}, async (page) => {
      await match(page).waitFor();
      assert.equal(await match(page).getAttribute("data-match"), "false");
    });
  });

  test("a shared drawing gives different bits elsewhere, or the page does not say so", { skip }, () =>
    visit("#draw", { size: "phone", permissions: ["clipboard-read", "clipboard-write"] }, async (page) => {
      await drawn(page);
      await stroke(page, [[0.28, 0.2], [0.7, 0.2], [0.45, 0.85]]);
      await drawn(page);
      const answer = await page.locator(".with .answer").textContent();
      await page.getByRole("button", { name: "Share this drawing" }).click();
      await page.getByText("Send this link.").waitFor();
      const wider = await excessWidth(page);
      assert.ok(wider <= 0, `the link makes the page ${wider} pixels wider than the window`);
      const link = await page.evaluate(() => navigator.clipboard.readText());
      assert.equal(await page.locator(".made a").getAttribute("href"), new URL(link).hash);
      assert.ok(link.length < 1200, `${link.length} characters`);
      await visit(new URL(link).hash, {}, async (page) => {
        await page.getByText("The same bits as the machine that made this link.").waitFor();
        assert.equal(await page.locator("[name=model]").inputValue(), "mnist-cnn");
        assert.equal(await page.locator("[name=samples]").inputValue(), "48");
        const [digit] = (await page.locator("[data-field=answer]").textContent()).split(" ");
        assert.ok(answer.includes(digit), `${digit} here, “${answer}” there`);
      });
      // The link does not hold for another drawing.
      await page.locator("[data-erase]").click();
      await page.getByText("Draw something.").waitFor();
      assert.equal(await page.locator(".made a").isVisible(), false);
      assert.equal(await page.getByRole("button", { name: "Share this drawing" }).isDisabled(), true);
      for (const damaged of [link.slice(0, -9), link.replace("samples=48", "samples=4"), link.replace(/bytes%3A..../, "bytes%3AAAAA")]) {
        assert.notEqual(damaged, link);
        await visit(new URL(damaged).hash, {}, async (page) => {
          await page.getByText("This link is damaged").waitFor();
          assert.equal(await page.locator("[data-field=digest]").isVisible(), false);
          await page.getByRole("link", { name: "Try another prediction" }).click();
          await page.getByText("The same bits as the native program.").waitFor();
        });
      }
    }),
  );
});
