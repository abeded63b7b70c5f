/** The targets in `place`, which is Node or a browser. `Model` is from the package. */
export const targets = (Model, place) => [
  {
    target: `${place}, baseline`,
    kernel: "simd128",
    load: (file) => Model.load(file, { kernel: "baseline" }),
  },
  {
    target: `${place}, relaxed`,
    kernel: "relaxed-simd",
    load: (file) => Model.load(file, { kernel: "relaxed" }),
  },
  {
    target: `${place}, 2 workers`,
    kernel: "simd128",
    load: (file) => Model.pool(file, { kernel: "baseline", workers: 2 }),
  },
  {
    target: `${place}, 2 workers, relaxed`,
    kernel: "relaxed-simd",
    load: (file) => Model.pool(file, { kernel: "relaxed", workers: 2 }),
  },
];
