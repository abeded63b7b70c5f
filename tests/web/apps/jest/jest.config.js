export default {
  testEnvironment: "jsdom",
  // Without it, Jest takes the entry for browsers, and jsdom has neither fetch nor workers.
  testEnvironmentOptions: { customExportConditions: ["node"] },
  transform: {},
};
