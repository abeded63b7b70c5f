// Tests of every page of the built site in headless Chromium.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { BEGUN, excessWidth, READY } from "./support/actions.js";
import { DEMO, OUTPUT, SIZES, skip } from "./support/site.js";
import { site, visit } from "./support/visit.js";

const AXE = readFileSync(join(DEMO, "node_modules/axe-core/axe.min.js"), "utf8");

for (const size of Object.keys(SIZES)) {
  for (const colorScheme of ["light", "dark"]) {
    for (const [name, ready] of Object.entries(READY)) {
      test(`${name} is broken, or not accessible (${size}, ${colorScheme})`, { skip }, () =>
        visit(`#${name}`, { size, colorScheme }, async (page) => {
          await (colorScheme === "dark" && name !== "replay" ? BEGUN[name] ?? ready : ready)(page);
          await page.screenshot({ path: join(OUTPUT, `${name}-${size}-${colorScheme}.png`), fullPage: true });
          const wider = await excessWidth(page);
          assert.ok(wider <= 0, `${wider} pixels wider than the window`);
          const jargon = (await page.locator("body").innerText()).match(/\b(nats|logits?|epistemic|aleatoric|kernel|golden|entropy)\b/i);
          assert.equal(jargon?.[0], undefined, "a word that a visitor does not know");
          await page.evaluate(AXE);
          const { violations } = await page.evaluate(() => window.axe.run());
          assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes.length} such as ${nodes[0].target}`), []);
          // An <output> in a label can be what the label names.
          const nameless = await page.locator("input").evaluateAll((all) => all.filter(({ ariaLabel, labels }) => !ariaLabel && !labels?.length).map(({ outerHTML }) => outerHTML));
          assert.deepEqual(nameless, [], "inputs without a label");
          const jumps = (await page.evaluate(() => window.jumps)).reduce((sum, value) => sum + value, 0);
          assert.ok(jumps < 0.02, `the layout jumps by ${jumps}`);
        }),
      );
    }
  }
}

test("a small phone without the font shows a page wider than its window", { skip }, () =>
  visit("#draw", { viewport: { width: 360, height: 740 }, expectProblems: true, before: (page) => page.route("**/*.woff2", (route) => route.abort()) }, async (page) => {
    for (const name of Object.keys(READY)) {
      await page.goto(`${site.address}#${name}`);
      await (BEGUN[name] ?? READY[name])(page);
      const wider = await excessWidth(page);
      assert.ok(wider <= 0, `${name} is ${wider} pixels wider than the window`);
    }
  }),
);

test("a page does not link to the source, the package or the documentation", { skip }, () =>
  visit("#draw", {}, async (page) => {
    for (const name of Object.keys(READY)) {
      await page.goto(`${site.address}#${name}`);
      const links = await page.locator("footer a").evaluateAll((links) => links.map(({ textContent, href }) => [textContent, href]));
      assert.deepEqual(links, [
        ["Source code", "https://github.com/OWNER/bayes8"],
        ["npm package", "https://www.npmjs.com/package/bayes8"],
        ["Documentation", "https://github.com/OWNER/bayes8/tree/main/docs"],
      ]);
    }
  }),
);
