export default {
  testEnvironment: "jsdom",
  // Otherwise Jest takes the entry for browsers, but jsdom has neither fetch nor workers.
  testEnvironmentOptions: { customExportConditions: ["node"] },
  transform: {},
};
