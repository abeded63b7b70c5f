/** A map in words. */
import { percent } from "../lib/format.js";
import { CLASSES } from "./classes.js";
import { type Reading, type SceneMap, shares, silence } from "./map.js";

/** Classes that cover less are not named. */
const NAMED = 0.1;
/** Most classes that are named. */
const MOST = 3;
/** Shares without an answer that count as none, and as most of the picture. */
const NONE = 0.005;
const HALF = 0.5;

/** What is in the picture. */
export function answer(map: SceneMap): string {
  if (silence(map) > HALF) return "I would rather not answer.";
  const covered = shares(map).map((share, index) => ({ share, label: CLASSES[index]!.label }));
  const named = covered.filter(({ share }) => share >= NAMED).sort((a, b) => b.share - a.share).slice(0, MOST);
  return named.length ? `Mostly ${list(named.map(({ label }) => label))}.` : "A little of everything.";
}

/** Where the answer counts. */
export function reason(map: SceneMap): string {
  const share = silence(map);
  if (share < NONE) return "It has an answer for all of the picture.";
  return `For ${percent(share)} of the picture, the doubt is too large for an answer.`;
}

/** "Road, 98% likely". */
export const title = ({ label, probability }: Reading): string => `${capital(label)}, ${percent(probability)} likely`;

/** All about a place, for those who do not see the maps. */
export const spoken = (reading: Reading): string =>
  `${title(reading)}; total doubt ${percent(reading.doubt.total)}, ambiguity ${percent(reading.doubt.ambiguity)}, unfamiliarity ${percent(reading.doubt.unfamiliarity)}`;

export const capital = (text: string): string => text[0]!.toUpperCase() + text.slice(1);

/** "road, building and sky". */
const list = (names: readonly string[]): string =>
  names.length > 1 ? `${names.slice(0, -1).join(", ")} and ${names.at(-1)}` : names[0]!;
