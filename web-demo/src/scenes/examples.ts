/** The scenes that come with the page. They were chosen by the maps of the network, which the tests check. */
import carPark from "../../assets/car-park.png";
import cat from "../../assets/cat.jpg";
import promenade from "../../assets/promenade.png";
import sea from "../../assets/sea.png";
import type { Shipped } from "../lib/photo-source.js";

export interface Example extends Shipped {
  /** What the map shows. */
  readonly lesson: string;
}

export const EXAMPLES = {
  promenade: {
    button: "A promenade",
    file: promenade,
    lesson: "It has learned from one town only, and finds its way in another. It doubts where small things meet: edges, and people far away.",
  },
  carPark: {
    button: "A car park",
    file: carPark,
    lesson: "It finds the row of parked cars. A bush in front of windows is not what it knows, and there it doubts.",
  },
  sea: {
    button: "The sea",
    file: sea,
    lesson: "It is fooled. It has never learned about water, takes it for road, and hardly doubts it: that is why you test.",
  },
  cat: {
    button: "A cat",
    file: cat,
    lesson: "It is right to refuse. This is a cat, and it has only learned about streets. The map of classes looks as definite as ever; its doubt tells you not to believe it.",
  },
} as const satisfies Readonly<Record<string, Example>>;
