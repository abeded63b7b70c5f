// The built site in headless Chromium.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { DEMO, launch, open, OUTPUT, serve, skip, SIZES } from "./support/site.js";

const AXE = readFileSync(join(DEMO, "node_modules/axe-core/axe.min.js"), "utf8");
assert.ok(existsSync(join(DEMO, "dist/index.html")), "dist/ is missing: npm run build");

let browser;
let site;
before(async () => {
  if (skip) return;
  browser = await launch();
  site = await serve();
});
after(async () => {
  await browser?.close();
  site?.close();
});

/** Runs `check` on a page, which may log nothing as an error. */
async function visit(hash, options, check) {
  const { page, problems, close } = await open(browser, site.address + hash, options);
  try {
    await check(page);
    if (!options.expectProblems) assert.deepEqual(problems, []);
  } finally {
    await close();
  }
}

/** Waits until the Draw page has said all about what is drawn now. */
const drawn = (page) => page.locator(".results[aria-busy=false]").waitFor();
const value = async (page, name) => Number(await page.locator(`.whole [data-value=${name}]`).textContent());
const example = async (page, name) => {
  await page.locator(`[data-example=${name}]`).click();
  await drawn(page);
};

/** Moves the mouse through points of the pad. */
async function stroke(page, points) {
  const { x, y, width, height } = await page.locator(".pad").boundingBox();
  const [first, ...others] = points.map(([a, b]) => [x + a * width, y + b * height]);
  await page.mouse.move(...first);
  await page.mouse.down();
  for (const point of others) await page.mouse.move(...point, { steps: 6 });
  await page.mouse.up();
}

const scribble = async (page) => {
  for (let n = 0; n < 3; n++) await stroke(page, [[0.3, 0.2], [0.7, 0.3], [0.4, 0.8], [0.7, 0.8]]);
};

/** Moves a slider. */
const slide = (page, name, to) =>
  page.locator(`input[name=${name}]`).evaluate((input, to) => {
    input.value = to;
    input.dispatchEvent(new Event("input"));
  }, to);

/** Something of everything is there, all of which takes seconds. */
const BEGUN = {
  photos: async (page) => {
    await page.locator(".tally b").getByText("errors").waitFor();
    await page.locator(".own .reason").getByText(/\w/).waitFor();
  },
  replay: (page) => page.locator(".squares [data-result=passed]").nth(40).waitFor({ state: "attached" }),
  speed: (page) => page.locator(".speed output").first().getByText(/\d/).waitFor(),
};

/** Everything is there. */
const READY = {
  draw: drawn,
  photos: async (page) => {
    await page.getByText("Each picture with 8 samples").waitFor();
    await page.locator(".own .reason").getByText(/\w/).waitFor();
  },
  replay: (page) => page.locator(".total[data-end=true]").waitFor(),
  speed: (page) => page.getByText("Measured in this browser, just now.").waitFor(),
};

for (const size of Object.keys(SIZES)) {
  for (const colorScheme of ["light", "dark"]) {
    for (const [name, ready] of Object.entries(READY)) {
      test(`${name} is broken, or not for everybody (${size}, ${colorScheme})`, { skip }, () =>
        visit(`#${name}`, { size, colorScheme }, async (page) => {
          await (colorScheme === "dark" && name !== "replay" ? BEGUN[name] ?? ready : ready)(page);
          await page.screenshot({ path: join(OUTPUT, `${name}-${size}-${colorScheme}.png`), fullPage: true });
          const wider = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
          assert.ok(wider <= 0, `${wider} pixels wider than the window`);
          await page.evaluate(AXE);
          const { violations } = await page.evaluate(() => window.axe.run());
          assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes.length} such as ${nodes[0].target}`), []);
          const jumps = (await page.evaluate(() => window.jumps)).reduce((sum, value) => sum + value, 0);
          assert.ok(jumps < 0.02, `the layout jumps by ${jumps}`);
        }),
      );
    }
  }
}

describe("Draw", () => {
  for (const size of Object.keys(SIZES)) {
    test(`strokes of a seven are something else (${size})`, { skip }, () =>
      visit("#draw", { size }, async (page) => {
        await drawn(page);
        await stroke(page, [[0.28, 0.2], [0.7, 0.2], [0.45, 0.85]]);
        await page.getByText("I am sure this is a 7.").waitFor();
        await drawn(page);
        // A second stroke belongs to the same digit; what was there before does not.
        await stroke(page, [[0.4, 0.52], [0.68, 0.52]]);
        await page.waitForFunction(() => document.querySelector(".best .label").textContent === "7");
        await page.locator("[data-erase]").click();
        await page.getByText("Draw something.").waitFor();
      }),
    );
  }

  test("a letter raises no epistemic uncertainty, or a clear digit does", { skip }, () =>
    visit("#draw", {}, async (page) => {
      await drawn(page);
      await example(page, "clear");
      const clear = await value(page, "epistemic");
      assert.equal(await page.locator(".panel .best .label").first().textContent(), "3");
      assert.equal(await page.locator(".panel .answer").first().textContent(), "I am sure this is a 3.");
      await example(page, "letter");
      const letter = await value(page, "epistemic");
      assert.ok(letter > clear + 0.1, `${letter} for the letter, ${clear} for the digit`);
      assert.match(await page.locator(".contrast .reason").textContent(), /^\d+ %, and no word of doubt/);
    }),
  );

  test("one cannot do without a mouse", { skip }, () =>
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
      const before = await page.locator(".panel .share").allTextContents();
      await press("ArrowRight", 6);
      assert.equal(await page.locator(".seen output").textContent(), "30°");
      await page.waitForFunction((before) => [...document.querySelectorAll(".panel .share")].some(({ textContent }, i) => textContent !== before[i]), before);
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
      assert.equal(count(/^mnist-scnn\.safetensors$/), 1, `one model: ${asked}`);
      assert.equal(count(/^bayes8(-relaxed)?\.wasm$/), 1, `one module: ${asked}`);
      const needed = /^((index|models)\.(js|css)|worker\.js|probe\.wasm|bayes8(-relaxed)?\.wasm|mnist-scnn\.safetensors|.*\.woff2)$/;
      assert.deepEqual(asked.filter((name) => !needed.test(name)), []);
    }),
  );

  test("a page that is loading, cannot load, or has crashed does not say so", { skip }, () => {
    let fail;
    const failing = new Promise((resolve) => (fail = resolve));
    return visit("#draw", { expectProblems: true, before: async (page) => {
      let asked = 0;
      await page.route("**/mnist-scnn*.safetensors", async (route) => {
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
      await page.getByText("The worker that runs the network stopped.").waitFor();
      await page.getByRole("button", { name: "Try again" }).click();
      await page.getByText("I would rather not answer.").waitFor();
      await drawn(page);
    });
  });

  test("a browser without SIMD is left in the dark", { skip }, () =>
    visit("#draw", { before: (page) => page.addInitScript(() => (WebAssembly.validate = () => false)) }, (page) =>
      page.getByText("This browser has no WebAssembly SIMD.").waitFor(),
    ),
  );

  test("something moves for those who asked for no motion", { skip }, () =>
    visit("#draw", { reducedMotion: "reduce" }, async (page) => {
      await drawn(page);
      assert.equal(await page.locator(".bar").first().evaluate((bar) => getComputedStyle(bar).transitionDuration), "0s");
    }),
  );
});

describe("Photos", () => {
  const entropy = (page) => page.locator(".own [data-value=total]").textContent().then(Number);

  test("corruption does not raise the entropy, or sure answers are no better", { skip }, () =>
    visit("#photos", {}, async (page) => {
      await READY.photos(page);
      const before = await entropy(page);
      const rate = async () => Number.parseFloat(await page.locator(".tally b").textContent());
      const [all, count] = [await rate(), "100 % of pictures"];
      assert.equal(await page.locator(".coverage output").textContent(), count);
      await slide(page, "coverage", "0.7");
      await page.getByText("70 % of pictures").waitFor();
      assert.ok((await rate()) <= all);
      await slide(page, "coverage", "1");
      await slide(page, "noise", "0.8");
      await page.waitForFunction((before) => Number(document.querySelector(".own [data-value=total]").textContent) > before + 0.2, before);
      await page.waitForFunction((all) => Number.parseFloat(document.querySelector(".tally b").textContent) > all + 10, all);
      await READY.photos(page);
      const worst = await rate();
      await slide(page, "coverage", "0.3");
      await page.getByText("30 % of pictures").waitFor();
      assert.ok((await rate()) < worst, "the surest answers are no better");
    }),
  );

  test("a file, a paste or the camera gives no answer, or what is no picture is taken for one", { skip }, () =>
    visit("#photos", {}, async (page) => {
      await page.locator(".own .answer").getByText("cat").waitFor();
      const files = page.locator("input[type=file]");
      await files.setInputFiles({ name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("no picture") });
      await page.getByText("“notes.txt” is no picture").waitFor();
      await files.setInputFiles(join(DEMO, "assets/rocket.jpg"));
      await page.locator(".own .answer").getByText("ship").waitFor();
      await page.evaluate(async () => {
        const canvas = new OffscreenCanvas(40, 60);
        canvas.getContext("2d").fillRect(0, 0, 40, 60);
        const data = new DataTransfer();
        data.items.add(new File([await canvas.convertToBlob()], "black.png", { type: "image/png" }));
        dispatchEvent(new ClipboardEvent("paste", { clipboardData: data }));
      });
      const middle = () => page.locator(".photo").evaluate((canvas) => [...canvas.getContext("2d").getImageData(128, 128, 1, 1).data]);
      await page.waitForFunction(() => document.querySelector(".photo").getContext("2d").getImageData(128, 128, 1, 1).data[0] === 0);
      await page.locator("[data-camera]").click();
      await page.getByRole("button", { name: "Take the picture" }).click();
      await page.waitForFunction(() => document.querySelector(".photo").getContext("2d").getImageData(128, 128, 1, 1).data.slice(0, 3).some((value) => value > 0));
      assert.equal((await middle())[3], 255);
    }),
  );
});

describe("Replay", () => {
  const native = JSON.parse(readFileSync(join(DEMO, "../wasm/npm/tests/fixtures/native.json"), "utf8"));
  const match = (page) => page.locator(".match[data-match]");

  test("relaxed SIMD has other bits, or is not said to be missing", { skip }, () =>
    visit("#replay", {}, async (page) => {
      await READY.replay(page);
      const relaxed = page.locator("[name=kernel][value=relaxed]");
      if (await relaxed.isDisabled()) return page.getByText("(not in this browser)").waitFor();
      await relaxed.check();
      await page.getByText("Kernel relaxed-simd; all").waitFor();
      assert.equal(await page.locator(".total").getAttribute("data-end"), "true");
    }),
  );

  test("a link does not reproduce a prediction of the native command line", { skip }, async () => {
    const line = native.predictions.find(({ model, picture }) => model === "mnist-scnn" && picture === "bag-18.png");
    const hash = `#replay?model=${line.model}&picture=${line.picture}&seed=${native.seed}&samples=${native.samples}`;
    await visit(`${hash}&digest=${line.logitsDigest}`, {}, async (page) => {
      await page.getByText("The same bits as the machine that made the link.").waitFor();
      assert.equal(await page.locator("[data-field=digest]").textContent(), line.logitsDigest);
      assert.equal(
        await page.locator("[data-copy=command]").textContent(),
        "bayes8 predict models/mnist-scnn.safetensors models/pictures/bag-18.png --seed 7 --samples 8 --json",
      );
      // Another seed is another prediction, for which the link says nothing.
      await page.locator("[name=seed]").fill("8");
      await page.getByText("No digest to compare with").waitFor();
      await page.locator("[name=seed]").fill("-1");
      await page.getByText("A seed is a whole number").waitFor();
    });
    await visit(`${hash}&digest=${"0".repeat(64)}`, {}, async (page) => {
      await match(page).waitFor();
      assert.equal(await match(page).getAttribute("data-match"), "false");
    });
  });

  test("what was drawn cannot be replayed", { skip }, () =>
    visit("#draw", {}, async (page) => {
      await drawn(page);
      await page.getByRole("link", { name: "Replay" }).last().click();
      await match(page).waitFor();
      assert.equal(await page.locator("[name=model]").inputValue(), "mnist-scnn");
      assert.equal(await page.locator("[name=samples]").inputValue(), "48");
      const link = await page.locator("[data-copy=link]").textContent();
      await visit(new URL(link).hash, {}, (page) => page.getByText("The same bits as the machine that made the link.").waitFor());
    }),
  );
});

test("the site needs a network after the first visit", { skip }, async () => {
  const own = await serve();
  const { page, close } = await open(browser, own.address);
  try {
    await page.evaluate(() => navigator.serviceWorker.ready);
    own.close();
    await page.reload();
    await drawn(page);
    await page.getByRole("link", { name: "Photos" }).first().click();
    await page.locator(".own .answer").getByText("cat").waitFor();
  } finally {
    await close();
  }
});

/**
 * The tasks of the main thread of `page` while `work` is done: milliseconds of the processor for each,
 * whoever else has it in between.
 */
async function tasks(page, work) {
  await browser.startTracing(page, { categories: ["toplevel", "__metadata"] });
  await work();
  const { traceEvents } = JSON.parse((await browser.stopTracing()).toString());
  const threadOf = ({ pid, tid }) => `${pid} ${tid}`;
  const main = new Set(traceEvents.filter(({ name, args }) => name === "thread_name" && args.name === "CrRendererMain").map(threadOf));
  const run = traceEvents.filter((event) => event.name === "ThreadControllerImpl::RunTask" && main.has(threadOf(event)));
  // Those in which the trace began or ended have no time.
  return run.flatMap(({ tdur }) => (tdur === undefined ? [] : [tdur / 1000]));
}

/** A task to measure others by. It slows down with them on a slow or busy machine. */
const yardstick = () => {
  let random = 1;
  for (let step = 0; step < 4e7; step++) random = (Math.imul(random, 1664525) + 1013904223) | 0;
  return random;
};

test("the main thread stands still", { skip }, async (t) => {
  const works = {
    draw: (page) => drawn(page).then(() => example(page, "letter")).then(() => scribble(page)).then(() => drawn(page)),
    photos: async (page) => {
      await BEGUN.photos(page);
      await slide(page, "blur", "0.4");
      await page.waitForTimeout(1500);
    },
    replay: BEGUN.replay,
    speed: BEGUN.speed,
  };
  for (const [name, work] of Object.entries(works)) {
    let [longest, limit] = [Infinity, 0];
    for (let attempt = 0; attempt < 3 && longest >= limit; attempt++) {
      // The browser's own work on a new page comes before.
      const { page, close } = await open(browser, "about:blank");
      const times = await tasks(page, async () => {
        await page.goto(`${site.address}#${name}`);
        await work(page);
      });
      assert.ok(times.length > 100, "no tasks in the trace: another Chromium calls them otherwise");
      longest = Math.max(...times);
      limit = Math.max(...(await tasks(page, () => page.evaluate(yardstick))));
      await close();
    }
    t.diagnostic(`${name}: longest task ${longest.toFixed(0)} ms, yardstick ${limit.toFixed(0)} ms`);
    assert.ok(longest < limit, `${name} has a task of ${longest} ms; the yardstick takes ${limit} ms`);
  }
});
