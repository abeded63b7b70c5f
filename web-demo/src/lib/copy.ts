/** Copies a text to the clipboard and says so on the button. If the browser refuses, selects `shown`, to be copied by hand. */
export async function copy(text: string, button: HTMLButtonElement, shown: Element): Promise<void> {
  const label = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    getSelection()?.selectAllChildren(shown);
    button.textContent = "Selected";
  }
  setTimeout(() => (button.textContent = label), 1500);
}
