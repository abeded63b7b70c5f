/** 0.6249 is "62%". Shares just below 1 get a decimal, so that they do not read "100%". */
export function percent(share: number): string {
  if (share > 0.995 && share < 0.99995) return `${(Math.floor(share * 1000) / 10).toFixed(1)}%`;
  return `${Math.round(Math.max(0, share) * 100)}%`;
}

/** Names of classes that need more than an article. */
const NOUNS: Readonly<Record<string, string>> = { "T-shirt/top": "a T-shirt or top", Trouser: "a pair of trousers" };

/** "a 4", "an 8", "an ankle boot". */
export function withArticle(name: string): string {
  if (Object.hasOwn(NOUNS, name)) return NOUNS[name]!;
  const word = /^[A-Z][a-z]/.test(name) ? name[0]!.toLowerCase() + name.slice(1) : name;
  return `${/^[aeiou8]/.test(word) ? "an" : "a"} ${word}`;
}
