/** The photographs that come with the page. They were chosen by the answers of the network, which the tests check. */
import cat from "../../assets/cat.jpg";
import galaxies from "../../assets/galaxies.jpg";
import rocket from "../../assets/rocket.jpg";
import type { Verdict } from "../model/verdict.js";

export interface Example {
  readonly button: string;
  readonly file: string;
  /** The content of the picture, as a sentence. */
  readonly shows: string;
  /** The right class of the network; for other things, their plural. */
  readonly kind: string;
  /** Whether it is one of the network's classes. */
  readonly learned: boolean;
}

export const EXAMPLES = {
  cat: { button: "A cat", file: cat, shows: "This is a cat", kind: "cat", learned: true },
  galaxies: { button: "Galaxies", file: galaxies, shows: "These are galaxies", kind: "galaxies", learned: false },
  rocket: { button: "A rocket", file: rocket, shows: "This is a rocket", kind: "rockets", learned: false },
} as const satisfies Readonly<Record<string, Example>>;

/** How well the network did on a picture whose content is known. `said` is its most probable class. */
export function lesson({ shows, kind, learned }: Example, sure: Verdict["sure"], said: string): string {
  const answered = sure === "sure" || sure === "fairly";
  if (learned) {
    if (!answered) return `${shows}. It cannot tell any more, and it says so.`;
    return said === kind ? `It is right. ${shows}.` : `It is wrong. ${shows}.`;
  }
  const truth = `${shows}, and it has never learned about ${kind}.`;
  if (answered) return `It is fooled. ${truth} Even a network that measures its doubt can be sure and wrong: that is why you test.`;
  return sure === "abstain" ? `It is right to refuse. ${truth}` : `It is right to hesitate. ${truth}`;
}
