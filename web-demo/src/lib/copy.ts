/** Puts a text on the clipboard and says so on the button; where the browser refuses, `shown` is selected to be copied by hand. */
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
