// The Curve page in headless Chromium.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { READY, slide } from "./support/actions.js";
import { SIZES, skip } from "./support/site.js";
import { visit } from "./support/visit.js";

/** Numbers of a text, which has minus signs. */
const numbers = (text) => text.replaceAll("−", "-").match(/-?\d+\.\d+/g).map(Number);

/** What the page says about a place. */
async function read(page, x) {
  await slide(page, "place", String(x));
  const text = async (selector) => numbers(await page.locator(selector).textContent());
  const [[at], [mean], [low, high], [noise], [doubt]] = await Promise.all(
    [".kicker .at", ".answer", ".reason", "[data-value=noise]", "[data-value=doubt]"].map(text),
  );
  return { at, mean, low, high, noise, doubt };
}

const choose = async (page, name) => {
  await page.locator(".posterior select").selectOption(name);
  await READY.curve(page);
};

describe("Curve", () => {
  for (const name of ["gaussian", "dropout", "ensemble"]) {
    test(`the band does not widen where there are no points, or its parts do not make it (${name})`, { skip }, () =>
      visit("#curve", {}, async (page) => {
        await READY.curve(page);
        await choose(page, name);
        const among = [await read(page, -3), await read(page, 2.5)];
        const [gap, ...beyond] = [await read(page, 0), await read(page, -5.5), await read(page, 5.5)];
        for (const place of [gap, ...beyond]) {
          assert.ok(place.doubt > 2 * Math.max(...among.map(({ doubt }) => doubt)), `${name}: ${JSON.stringify({ place, among })}`);
        }
        for (const { mean, low, high, noise, doubt } of [...among, gap, ...beyond]) {
          assert.ok(Math.abs((low + high) / 2 - mean) < 0.011, `${mean} is not between ${low} and ${high}`);
          assert.ok(Math.abs((high - low) / 2 - Math.hypot(noise, doubt)) < 0.021, `${low} to ${high} from ${noise} and ${doubt}`);
        }
      }),
    );
  }

  test("noise is the same everywhere", { skip }, () =>
    visit("#curve", {}, async (page) => {
      await READY.curve(page);
      const [left, right] = [await read(page, -3), await read(page, 3.5)];
      assert.ok(right.noise > 1.5 * left.noise, `${left.noise} on the left, ${right.noise} on the right`);
    }),
  );

  for (const size of Object.keys(SIZES)) {
    test(`a finger or a mouse does not read the curve where it points (${size})`, { skip }, () =>
      visit("#curve", { size, hasTouch: size === "phone" }, async (page) => {
        await READY.curve(page);
        const box = await page.locator(".plot").evaluate((plot) => {
          const { left, top, width, height } = plot.parentElement.getBoundingClientRect();
          return { left: left + Number(plot.getAttribute("x")), width: Number(plot.getAttribute("width")), middle: top + height / 2 };
        });
        const to = [box.left + (box.width * 8.5) / 11, box.middle];
        await (size === "phone" ? page.touchscreen.tap(...to) : page.mouse.move(...to));
        await page.getByText("x = 3.00").waitFor();
        assert.equal(await page.locator("[name=place]").inputValue(), "3");
        const cursor = await page.locator(".cursor circle").boundingBox();
        assert.ok(Math.abs(cursor.x + cursor.width / 2 - to[0]) < 2, `the cursor is at ${cursor.x}, the pointer at ${to[0]}`);
      }),
    );
  }

  test("the thumb is not below the cursor", { skip }, () =>
    visit("#curve", {}, async (page) => {
      await READY.curve(page);
      for (const x of [-5.5, 0, 5.5]) {
        await slide(page, "place", String(x));
        const [cursor, range] = [await page.locator(".cursor circle").boundingBox(), await page.locator("[name=place]").boundingBox()];
        // A thumb of 20 pixels moves between both ends.
        const thumb = range.x + 10 + ((x + 5.5) / 11) * (range.width - 20);
        assert.ok(Math.abs(cursor.x + cursor.width / 2 - thumb) < 1.5, `at ${x}, the cursor is at ${cursor.x + cursor.width / 2} and the thumb at ${thumb}`);
      }
    }),
  );

  test("the page cannot be used by keyboard, or says nothing to a screen reader", { skip }, () =>
    visit("#curve", {}, async (page) => {
      await READY.curve(page);
      const where = page.getByRole("slider", { name: "Place on the curve" });
      await where.focus();
      await page.keyboard.press("End");
      await page.getByText("x = 5.50").waitFor();
      await page.keyboard.press("ArrowLeft");
      await page.getByText("x = 5.45").waitFor();
      assert.match(await where.getAttribute("aria-valuetext"), /^At x 5\.45: y .*, 95% between .* from the data, .* from the model$/);
      assert.match(await page.locator(".band svg").first().getAttribute("aria-label"), /^Points, the mean of 64 functions, and a band around it/);
    }),
  );

  test("more samples draw no more lines, or do not settle the average", { skip }, () =>
    visit("#curve", {}, async (page) => {
      await READY.curve(page);
      const lines = () => page.locator(".functions path").count();
      const samples = page.getByRole("slider", { name: "Samples" });
      await samples.press("Home");
      await page.getByText("1 of 1 sample", { exact: true }).waitFor();
      await READY.curve(page);
      assert.equal(await lines(), 1);
      // One sample cannot disagree with others.
      assert.equal((await read(page, 0)).doubt, 0);
      for (let keys = 0; keys < 3; keys++) await samples.press("ArrowRight");
      await page.getByText("8 of 8 samples").waitFor();
      await READY.curve(page);
      assert.equal(await lines(), 8);
      await samples.press("End");
      await page.getByText("256 of 256 samples").waitFor();
      await READY.curve(page);
      const many = await read(page, 0);
      await samples.press("ArrowLeft");
      await page.getByText("128 of 128 samples").waitFor();
      await READY.curve(page);
      const fewer = await read(page, 0);
      assert.ok(Math.abs(many.mean - fewer.mean) < 0.4 * many.doubt, `${JSON.stringify({ many, fewer })}`);
    }),
  );

  test("an ensemble has more samples than members, or another posterior the curve of the one before", { skip }, () =>
    visit("#curve", {}, async (page) => {
      await READY.curve(page);
      const before = await page.locator(".band .mean").getAttribute("d");
      await choose(page, "ensemble");
      await page.getByText("8 of 8 samples").waitFor();
      await READY.curve(page);
      assert.equal(await page.locator(".slider output").textContent(), "8");
      assert.notEqual(await page.locator(".band .mean").getAttribute("d"), before);
    }),
  );

  test("a network that cannot be loaded leaves the visitor in the dark", { skip }, () => {
    let asked = 0;
    return visit("#curve", { expectProblems: true, before: (page) =>
      page.route("**/curve-gaussian*.safetensors", (route) => (asked++ > 0 ? route.continue() : route.abort())) }, async (page) => {
      await page.getByText("The network could not be loaded: the connection failed.").waitFor();
      await page.getByRole("button", { name: "Try again" }).click();
      await READY.curve(page);
    });
  });
});
