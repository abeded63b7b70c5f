/** A page of the demo: puts itself into `root`; what it returns ends it. */
export interface Page {
  readonly title: string;
  mount(root: HTMLElement, parameters: URLSearchParams): () => void;
}
