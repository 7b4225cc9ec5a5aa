// Labels that stand against each other: which one holds, or another. It is told which came with the data and how many workers
// gave each; never who they are.

import { copyOf, element, put, slot, tell } from "../elements.js";
import { writeForm } from "../work/form_state.js";
import { written } from "./comment.js";
import { harmGrid, harmState, labelWords, pressHarm, requireHarms } from "./harms.js";

export const rule = {
  template: "act-rule",
  fill(form, step) {
    const givers = step.fields.given_by;
    const isDispute = givers.includes("data");
    put(form, "head", isDispute ? "A label is disputed" : "Labels are split");
    put(form, "why-here", isDispute ? "The data bring one label, and a worker who ranked this reply says another." : `${givers.length} workers labelled this, and no label has a majority.`);
    slot(form, "given").append(...counted(step.fields.labels, givers).map(([label, who]) => givenLabel(form, label, who, givers.length)));
    tell(slot(form, "note-of-worker"), step.fields.note ? `Whoever disputes it writes: ${step.fields.note}` : "");
    slot(form, "harms").append(harmGrid(step.fields.categories, "Which label holds?", { keys: true, unnamed: step.fields.labels.some(namesNothing) }));
  },
  read(form) {
    const note = form.elements.note.value.trim();
    return { ...requireHarms(form.querySelector("[data-harms]")), ...(note ? { note } : {}) };
  },
  state: (answer) => ({ ...harmState(answer), note: answer.note ?? "" }),
  words: written,
  press: pressHarm,
};

/** Unsafe, and not why: so labels of the data may be, and a ruling may leave them so. */
const namesNothing = (label) => !label.is_safe && !label.categories?.length;

/** [label, who gave it: data or worker, each as often as it did], in the order shown. */
function counted(labels, givers) {
  const found = new Map();
  labels.forEach((label, at) => {
    const words = labelWords(label);
    found.set(words, [label, [...(found.get(words)?.[1] ?? []), givers[at]]]);
  });
  return [...found.values()];
}

/** Who gave a label, in words: never which worker. */
function giversInWords(who, of) {
  if (who.includes("data")) return "came with the data";
  if (of > who.length && of === 2) return "given by one worker";
  return `given by ${who.length} of ${of} workers`;
}

function givenLabel(form, label, who, of) {
  const made = copyOf("given-label");
  put(made, "label", labelWords(label));
  put(made, "count", giversInWords(who, of));
  const take = made.querySelector("button");
  take.append(element("span", `: ${labelWords(label)}`, { class: "visually-hidden" }));
  take.addEventListener("click", () => {
    writeForm(form, { note: form.elements.note.value, ...harmState({ categories: namesNothing(label) ? null : label.categories ?? [], none_applies: label.is_safe }) });
    form.dispatchEvent(new Event("input"));
    form.querySelector("[type=submit]").focus(); // Enter sends, as it says; on this button it would only press it again
  });
  return made;
}
