/** Answers of a regression in words. */
import type { Answer } from "./regression.js";

/** Shares of the variance above which doubt of the model is most of it, or a part worth a word. */
const MOST = 0.5;
const SOME = 0.15;

/** "1.23", "−0.50". */
export const number = (value: number): string => value.toFixed(2).replace(/^-(?=0\.00$)/, "").replace("-", "−");

/** "95% between 0.62 and 1.84". */
export const interval = ({ mean, band }: Answer): string => `95% between ${number(mean - band)} and ${number(mean + band)}`;

/** What an answer is worth, and what would improve it. */
export function finding({ band, doubt }: Answer): string {
  const share = (doubt / band) ** 2;
  if (share > MOST) return "The lines part: the network has seen few points here, or none. It is guessing, and the band says so.";
  if (share > SOME) return "The lines begin to part. Some of the band is noise, and more points here would narrow the rest.";
  return "The lines agree. What is left is the scatter of the points, which more points would not remove.";
}

/** All about an answer, for those who do not see the chart. */
export const spoken = (answer: Answer): string =>
  `At x ${number(answer.x)}: y ${number(answer.mean)}, ${interval(answer)}; plus or minus ${number(answer.noise)} from the data, ${number(answer.doubt)} from the model`;
