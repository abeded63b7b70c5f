/** The address of the project. No other file has it. */
export const REPOSITORY = "https://github.com/OWNER/bayes8";
export const PACKAGE = "https://www.npmjs.com/package/bayes8";
export const DOCS = `${REPOSITORY}/tree/main/docs`;
/** The card that other sites show for a link. It needs an absolute address. */
export const CARD = `${REPOSITORY}/raw/main/web-demo/assets/social.png`;
