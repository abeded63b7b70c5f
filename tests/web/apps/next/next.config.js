export default { serverExternalPackages: ["bayes8"] };
