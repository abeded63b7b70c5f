/** The shell. The hash says which page to show, as `#page?key=value`. */
import { draw } from "./draw/page.js";
import { find } from "./lib/dom.js";
import { keepOffline } from "./lib/offline.js";
import type { Page } from "./lib/page.js";
import { Status } from "./lib/status.js";

// The first page comes with the shell; the others are loaded when they are opened.
const PAGES: Readonly<Record<string, () => Page | Promise<Page>>> = {
  draw: () => draw,
  photos: async () => (await import("./photos/page.js")).photos,
  scenes: async () => (await import("./scenes/page.js")).scenes,
  curve: async () => (await import("./curve/page.js")).curve,
  replay: async () => (await import("./replay/page.js")).replay,
  speed: async () => (await import("./speed/page.js")).speed,
};

const main = find(document, "main");
let end: (() => void) | undefined;
let turn = 0;

async function show(): Promise<void> {
  const [name = "", query] = location.hash.slice(1).split("?");
  const id = Object.hasOwn(PAGES, name) ? name : "draw";
  const current = ++turn;
  let page: Page;
  try {
    page = await PAGES[id]!();
  } catch {
    if (current !== turn) return;
    end?.();
    end = undefined;
    const status = new Status();
    status.error("This page could not be loaded: the connection failed.", () => location.reload());
    main.replaceChildren(status.element);
    return;
  }
  if (current !== turn) return;
  end?.();
  document.title = `${page.title} · bayes8`;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.getAttribute("href") === `#${id}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  main.dataset.page = id;
  end = page.mount(main, new URLSearchParams(query));
}

addEventListener("hashchange", () => {
  // The target of "Skip to the content" is not a page.
  if (location.hash === "#main") return;
  void show().then(() => {
    scrollTo(0, 0);
    main.focus({ preventScroll: true });
  });
});
void show();
void keepOffline();
