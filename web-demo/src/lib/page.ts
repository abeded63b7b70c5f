/** A page of the demo. `mount` puts it into `root` and returns a function that ends it. */
export interface Page {
  readonly title: string;
  mount(root: HTMLElement, parameters: URLSearchParams): () => void;
}
