// A reply made better by the worker: under each reply a disclosure with its text, which counts once it is changed.

import { copyOf, slot } from "../elements.js";
import { Unfinished } from "../acts/unfinished.js";

const LETTERS = "AB";
const fieldOf = (form, position) => form.elements[`edit_${LETTERS[position]}`];

/** Puts the disclosures under replies that are shown already. A field is empty until its disclosure is opened. */
export function addEdits(form, place, replies) {
  [...place.children].forEach((reply, position) => {
    const made = copyOf("edit");
    const field = made.querySelector("textarea");
    field.name = `edit_${LETTERS[position]}`;
    for (const place of ["letter", "letter-again"]) slot(made, place).textContent = LETTERS[position];
    slot(made, "label").textContent = `Reply ${LETTERS[position]} as it should be`;
    made.addEventListener("toggle", () => {
      if (made.open && !field.value) field.value = replies[position];
      if (made.open && made.contains(document.activeElement)) field.focus();
    });
    field.addEventListener("input", () => mark(made, field, replies[position]));
    made.querySelector("button").addEventListener("click", () => {
      field.value = "";
      field.dispatchEvent(new Event("input", { bubbles: true }));
      made.open = false;
      made.querySelector("summary").focus();
    });
    reply.append(made);
  });
  let isSeen = false;
  requestAnimationFrame(() => { isSeen = true; });
  form.addEventListener("restored", () => replies.forEach((text, position) => show(fieldOf(form, position), text, isSeen)));
}

/** What was written earlier comes back. Once the page was seen nothing opens by itself: what stands below would jump. */
function show(field, text, isSeen) {
  const disclosure = field.closest("details");
  if (field.value && field.value !== text) disclosure.open ||= !isSeen;
  else if (disclosure.open) field.value = text;
  mark(disclosure, field, text);
}

/** A disclosure that is closed still says that there is a change in it. */
function mark(disclosure, field, text) {
  slot(disclosure, "changed").hidden = !field.value || field.value === text;
}

/** {position, text} of the reply that was changed; null where none was. */
export function changedEdit(form, replies) {
  const fields = replies.map((_, position) => fieldOf(form, position));
  const emptied = fields.find((field) => !field.value.trim() && field.closest("details").open);
  if (emptied) throw new Unfinished("An edited reply has some text. Write it, or take the edit back.", emptied);
  const changed = fields.filter((field, position) => field.value && field.value !== replies[position]);
  if (changed.length > 1) throw new Unfinished("Only one reply can be edited: take one of the edits back.", changed[1]);
  return changed.length ? { position: fields.indexOf(changed[0]), text: changed[0].value } : null;
}
