// A text that is to be taken elsewhere: into the clipboard, at the press of a button.

/** Copies the text of an element, and says so; where the browser lets no page do that, the text stands selected for who does. */
export async function copyText(place, told) {
  try {
    await navigator.clipboard.writeText(place.textContent);
    told.textContent = "Copied.";
  } catch {
    getSelection().selectAllChildren(place);
    told.textContent = "It is selected: copy it as you copy any text.";
  }
}
