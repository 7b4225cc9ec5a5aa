// Templates of the page, filled with text nodes; nothing here makes markup out of text.

export const byId = (id) => document.getElementById(id);

/** The first element of a template, as a copy. */
export function copyOf(id) {
  const template = byId(id);
  if (!template) throw new Error(`the page has no template ${id}`);
  return template.content.firstElementChild.cloneNode(true);
}

/** The place of this name in an element. */
export function slot(root, name) {
  const found = root.querySelector(`[data-slot="${name}"]`);
  if (!found) throw new Error(`no place for ${name}`);
  return found;
}

/** Text into a place. */
export function put(root, name, text) {
  slot(root, name).textContent = text;
}

/** A longer text as paragraphs: an empty line is between two of them, a single line break is a space. */
export function putParagraphs(root, name, text) {
  slot(root, name).replaceChildren(...text.trim().split(/\n\s*\n/).map((part) => element("p", part.replace(/\s*\n\s*/g, " "))));
}

/** An element with a text. */
export function element(tag, text = "", attributes = {}) {
  const made = document.createElement(tag);
  made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

/** Shows a text in a place that is hidden while it has none. */
export function tell(place, text) {
  place.textContent = text;
  place.hidden = !text;
}

/** A name of a taxonomy as words. */
export const plain = (name) => name.replaceAll("_", " ").replaceAll(",", ", ").replaceAll(",  ", ", ");

/** A button that does nothing again until what it started is done. */
export function onPress(button, act) {
  button.addEventListener("click", async () => {
    button.disabled = true;
    try { await act(); } finally { button.disabled = false; }
  });
}
