// Actions of a visitor on the pages, and what to wait for.

/** Waits until the Draw page has the final result for the current drawing. */
export const drawn = (page) => page.locator(".results[aria-busy=false]").waitFor();
/** A doubt in percent, as the page shows it. */
export const value = async (page, name) => Number.parseFloat(await page.locator(`.split [data-value=${name}]`).textContent());
export const example = async (page, name) => {
  await page.locator(`[data-example=${name}]`).click();
  await drawn(page);
};

/** Moves the mouse through points of the pad. */
export async function stroke(page, points) {
  const { x, y, width, height } = await page.locator(".pad").boundingBox();
  const [first, ...others] = points.map(([a, b]) => [x + a * width, y + b * height]);
  await page.mouse.move(...first);
  await page.mouse.down();
  for (const point of others) await page.mouse.move(...point, { steps: 6 });
  await page.mouse.up();
}

export const scribble = async (page) => {
  for (let n = 0; n < 3; n++) await stroke(page, [[0.3, 0.2], [0.7, 0.3], [0.4, 0.8], [0.7, 0.8]]);
};

/** By how many pixels the page is wider than its window. */
export const excessWidth = (page) => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);

/** Moves a slider. */
export const slide = (page, name, to) =>
  page.locator(`input[name=${name}]`).evaluate((input, to) => {
    input.value = to;
    input.dispatchEvent(new Event("input"));
  }, to);

/** Waits for the first results of a page. All of them take seconds. */
export const BEGUN = {
  photos: async (page) => {
    await page.locator(".tally b").getByText("wrong").waitFor();
    await page.locator(".own .reason").getByText(/\w/).waitFor();
  },
  scenes: (page) => page.locator(".count[data-first]").waitFor(),
  replay: (page) => page.locator(".squares [data-result=passed]").nth(40).waitFor({ state: "attached" }),
  speed: (page) => page.locator(".speed output").first().getByText(/\d/).waitFor(),
};

/** Waits for all results of a page. */
export const READY = {
  draw: drawn,
  photos: async (page) => {
    await page.getByText("Measured with 8 samples for each picture.").waitFor();
    await page.locator(".own .reason").getByText(/\w/).waitFor();
  },
  scenes: (page) => page.locator(".scenes[aria-busy=false]").waitFor(),
  curve: (page) => page.locator(".curve[aria-busy=false]").waitFor(),
  replay: (page) => page.locator(".total[data-end=true]").waitFor(),
  speed: (page) => page.getByText("Measured in your browser, just now.").waitFor(),
};
