// Labels that stand against each other: which one holds, or another. Who gave which is not told.

import { copyOf, element, put, slot, tell } from "../elements.js";
import { writeForm } from "../work/form_state.js";
import { written } from "./comment.js";
import { harmGrid, harmState, labelWords, pressHarm, requireHarms } from "./harms.js";

export const rule = {
  template: "act-rule",
  fill(form, step) {
    slot(form, "given").append(...counted(step.fields.labels).map(([label, count]) => givenLabel(form, label, count, step.fields.labels.length)));
    tell(slot(form, "note-of-worker"), step.fields.note ? `Whoever disputes it writes: ${step.fields.note}` : "");
    slot(form, "harms").append(harmGrid(step.fields.categories, "Which label holds?", { keys: true }));
  },
  read(form) {
    const note = form.elements.note.value.trim();
    return { ...requireHarms(form.querySelector("[data-harms]")), ...(note ? { note } : {}) };
  },
  state: (answer) => ({ ...harmState(answer), note: answer.note ?? "" }),
  words: written,
  press: pressHarm,
};

/** [label, how many gave it], in the order shown. */
function counted(labels) {
  const found = new Map();
  for (const label of labels) {
    const words = labelWords(label);
    found.set(words, [label, (found.get(words)?.[1] ?? 0) + 1]);
  }
  return [...found.values()];
}

function givenLabel(form, label, count, of) {
  const made = copyOf("given-label");
  put(made, "label", labelWords(label));
  put(made, "count", of > 2 ? `given by ${count} of ${of}` : "");
  const take = made.querySelector("button");
  take.hidden = !label.is_safe && !label.categories?.length;
  take.append(element("span", `: ${labelWords(label)}`, { class: "visually-hidden" }));
  take.addEventListener("click", () => {
    writeForm(form, { note: form.elements.note.value, ...harmState({ categories: label.categories ?? [], none_applies: label.is_safe }) });
    form.dispatchEvent(new Event("input"));
    form.querySelector("[type=submit]").focus(); // Enter sends, as it says; on this button it would only press it again
  });
  return made;
}
