// What is shown once and kept nowhere, a link or a secret: in a dialog, where it can be copied.

import { byId, onPress } from "../elements.js";

/** Prepares the dialog of this id, with its parts ID-text, ID-copy and ID-copied. Gives a function that shows a value in it; once it is closed, the page is loaded again. */
export function shownOnce(id) {
  const [place, copied] = [byId(`${id}-text`), byId(`${id}-copied`)];
  onPress(byId(`${id}-copy`), async () => {
    try {
      await navigator.clipboard.writeText(place.value);
      copied.textContent = "Copied.";
    } catch {
      place.select();
      copied.textContent = "Marked: copy it with Ctrl C.";
    }
  });
  return (value) => {
    place.value = value;
    copied.textContent = "";
    byId(id).addEventListener("close", () => { place.value = ""; location.reload(); }, { once: true });
    byId(id).showModal();
    place.select();
  };
}
