// The Photos page in headless Chromium.
import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";
import { READY, slide, value } from "./support/actions.js";
import { DEMO, SIZES, skip } from "./support/site.js";
import { visit } from "./support/visit.js";

describe("Photos", () => {
  const total = (page) => value(page, "total");

  test("corruption does not raise the doubt, or sure answers are not better", { skip }, () =>
    visit("#photos", {}, async (page) => {
      await page.getByRole("button", { name: "A cat" }).click();
      await page.getByText("It is right. This is a cat.").waitFor();
      await READY.photos(page);
      const before = await total(page);
      const rate = async () => Number.parseFloat(await page.locator(".tally b").textContent());
      const [all, count] = [await rate(), "100% of pictures"];
      assert.equal(await page.locator(".coverage output").textContent(), count);
      await slide(page, "coverage", "0.7");
      await page.getByText("70% of pictures").waitFor();
      assert.ok((await rate()) <= all);
      await slide(page, "coverage", "1");
      await slide(page, "noise", "0.8");
      await page.waitForFunction((before) => Number.parseFloat(document.querySelector(".own [data-value=total]").textContent) > before + 9, before);
      await page.waitForFunction((all) => Number.parseFloat(document.querySelector(".tally b").textContent) > all + 10, all);
      await READY.photos(page);
      const worst = await rate();
      await slide(page, "coverage", "0.3");
      await page.getByText("30% of pictures").waitFor();
      assert.ok((await rate()) < worst, "the surest answers are not better");
    }),
  );

  test("an example does not teach its lesson", { skip }, () =>
    visit("#photos", {}, async (page) => {
      const lessons = {
        Galaxies: ["I would rather not answer.", "It is right to refuse."],
        "A cat": ["I am sure this is a cat.", "It is right."],
        "A rocket": ["I am sure this is a ship.", "It is fooled."],
      };
      for (const [button, [answer, lesson]] of Object.entries(lessons)) {
        await page.getByRole("button", { name: button }).click();
        await page.locator(".own .answer").getByText(answer, { exact: true }).waitFor();
        await page.locator(".own .lesson").getByText(lesson).waitFor();
      }
    }),
  );

  test("a chart ends below its values, or shows half a curve", { skip }, () =>
    visit("#photos", {
      before: (page) =>
        page.addInitScript(() => {
          window.points = new Set();
          new MutationObserver(() => {
            for (const chart of [...document.querySelectorAll(".lines")].slice(0, 2)) {
              for (const line of chart.querySelectorAll("path[style]")) window.points.add(line.getAttribute("d").split("L").length);
            }
          }).observe(document, { subtree: true, childList: true });
        }),
    }, async (page) => {
      await page.locator(".lines").first().getByText("Measuring…").waitFor();
      await READY.photos(page);
      await slide(page, "noise", "1");
      await page.locator(".controls progress").waitFor();
      await READY.photos(page);
      assert.deepEqual([...(await page.evaluate(() => [...window.points]))], [6]);
      const wrong = Number.parseFloat(await page.locator(".tally b").textContent());
      const shown = await page.locator(".lines").last().evaluate((chart) => {
        const lines = [...chart.querySelectorAll(".grid")].map((line) => Number(line.getAttribute("d").match(/ ([\d.]+)H/)[1]));
        const last = Number(chart.querySelector("path[style]").getAttribute("d").split(" ").at(-1));
        return (100 * (last - Math.max(...lines))) / (Math.min(...lines) - Math.max(...lines));
      });
      assert.ok(wrong > 60 && Math.abs(shown - wrong) < 1.5, `${wrong}% are wrong, and the chart shows ${shown}%`);
      const found = await page.locator(".found").textContent();
      assert.match(found, /Unfamiliarity rises from \d+% to \d+%, then falls to \d+%/);
      assert.match(found, /agreement is not proof/);
      assert.match(found, /Doubt misses many of the errors/);
    }),
  );

  for (const size of Object.keys(SIZES)) {
    test(`a picture is too small for a finger, or says nothing without a mouse (${size})`, { skip }, () =>
      visit("#photos", { size, hasTouch: true }, async (page) => {
        await READY.photos(page);
        const small = await page.locator(".gallery button").evaluateAll((buttons) => buttons.filter((button) => button.offsetWidth < 44 || button.offsetHeight < 44).length);
        assert.equal(small, 0);
        const words = page.locator(".picked p");
        await page.locator(".gallery button").first().tap();
        assert.match(await words.textContent(), /^This is an ankle boot\. The network agrees \(\d+% doubt\)\.$/);
        await page.keyboard.press("ArrowRight");
        assert.match(await words.textContent(), /^This is a pullover\./);
        await page.keyboard.press("ArrowDown");
        assert.equal(await page.locator(".gallery button[tabindex='0']").count(), 1);
        await page.locator(".gallery button").last().tap();
        const [top, bottom] = await words.evaluate((element) => [element.getBoundingClientRect().top, element.getBoundingClientRect().bottom]);
        assert.ok(top >= 0 && bottom <= SIZES[size].height, "the answer is out of sight");
      }),
    );
  }

  test("a file or a paste gives no answer, or a text is taken for a picture", { skip }, () =>
    visit("#photos", {}, async (page) => {
      await page.locator(".own .answer").getByText("I would rather not answer.").waitFor();
      const files = page.locator("input[type=file]");
      await files.setInputFiles({ name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("no picture") });
      await page.getByText("Your browser cannot read “notes.txt” as a picture").waitFor();
      await files.setInputFiles(join(DEMO, "assets/cat.jpg"));
      await page.locator(".own .answer").getByText("cat").waitFor();
      // Only the visitor knows what is in it.
      assert.equal(await page.locator(".lesson").textContent(), "Only you know whether that is right.");
      await page.evaluate(async () => {
        const canvas = new OffscreenCanvas(40, 60);
        canvas.getContext("2d").fillRect(0, 0, 40, 60);
        const data = new DataTransfer();
        data.items.add(new File([await canvas.convertToBlob()], "black.png", { type: "image/png" }));
        dispatchEvent(new ClipboardEvent("paste", { clipboardData: data }));
      });
      await page.waitForFunction(() => document.querySelector(".photo").getContext("2d").getImageData(128, 128, 1, 1).data[0] === 0);
    }),
  );

  test("the live camera stands still, draws samples without end, or goes on when it is stopped", { skip }, (t) =>
    visit("#photos", {
      size: "phone",
      before: (page) =>
        page.addInitScript(() => {
          window.streams = [];
          const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
          navigator.mediaDevices.getUserMedia = async (options) => {
            const stream = await open(options);
            window.streams.push(stream);
            return stream;
          };
        }),
    }, async (page) => {
      await READY.photos(page);
      await page.locator("[data-camera]").click();
      const pace = page.locator(".pace[data-rate]");
      await pace.waitFor();
      const pixels = () => page.locator(".photo").evaluate((canvas) => canvas.toDataURL());
      const first = await pixels();
      await page.waitForFunction((first) => document.querySelector(".photo").toDataURL() !== first, first);
      const samples = Number(await pace.getAttribute("data-samples"));
      assert.ok(samples >= 2 && samples <= 48, `${samples} samples`);
      assert.match(await pace.textContent(), /^\d+ predictions per second, \d+ samples for this frame$/);
      assert.equal(await page.locator(".own .verdict > div").getAttribute("aria-live"), "off");
      // The pace is only recorded: on a shared machine, no pace can be required.
      await page.waitForTimeout(2500);
      const jumps = (await page.evaluate(() => window.jumps)).reduce((sum, value) => sum + value, 0);
      assert.ok(jumps < 0.02, `the layout jumps by ${jumps}`);
      t.diagnostic(`live camera: ${await pace.getAttribute("data-rate")} predictions per second, ${await pace.getAttribute("data-samples")} samples`);
      await page.getByRole("button", { name: "Stop the camera" }).click();
      await page.getByRole("button", { name: "Live camera" }).waitFor();
      const states = await page.evaluate(() => window.streams.flatMap((stream) => stream.getTracks().map(({ readyState }) => readyState)));
      assert.deepEqual(states, ["ended"]);
      const last = await pixels();
      await page.locator(".own .reason").getByText(/32 samples/).waitFor();
      assert.equal(await pixels(), last, "the last frame does not stay");
      // An example stops the camera too, and no later frame replaces it.
      await page.locator("[data-camera]").click();
      await page.getByRole("button", { name: "Stop the camera" }).waitFor();
      await page.getByRole("button", { name: "A cat" }).click();
      await page.getByText("It is right. This is a cat.").waitFor();
      await page.getByRole("button", { name: "Live camera" }).waitFor();
    }),
  );

  test("a camera that cannot be opened leaves the visitor in the dark", { skip }, () =>
    visit("#photos", {
      before: (page) => page.addInitScript(() => (navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("no", "NotAllowedError")))),
    }, async (page) => {
      await page.locator(".own .answer").getByText("I would rather not answer.").waitFor();
      await page.locator("[data-camera]").click();
      await page.getByText("The camera could not be opened.").waitFor();
      await page.getByRole("button", { name: "Live camera" }).waitFor();
    }),
  );
});
