/** Work to measure other work by: about 100 ms on a machine of 2024, more on a slow or busy one. Runs in pages too. */
export function yardstick() {
  let random = 1;
  for (let step = 0; step < 1e8; step++) random = (Math.imul(random, 1664525) + 1013904223) | 0;
  return random;
}
