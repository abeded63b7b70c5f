/** Puts a text on the clipboard and says so on the button; where the browser refuses, `shown` is selected to be copied by hand. */
export async function copy(text: string, button: HTMLButtonElement, shown: Element): Promise<void> {
  const label = button.textContent;
  button.textContent = await navigator.clipboard.writeText(text).then(
    () => "Copied",
    () => {
      getSelection()?.selectAllChildren(shown);
      return "Selected";
    },
  );
  setTimeout(() => (button.textContent = label), 1500);
}
