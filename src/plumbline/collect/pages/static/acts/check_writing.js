// How a finished conversation is written on the worker's side.

import { put, slot } from "../elements.js";
import { chosen, wordedScale } from "../work/scale.js";
import { written } from "./comment.js";
import { nameOf } from "./harms.js";
import { Unfinished } from "./unfinished.js";

export const checkWriting = {
  template: "act-check-writing",
  fill(form, step) {
    slot(form, "intended").hidden = !step.fields.task_description;
    put(form, "task-description", step.fields.task_description ?? "");
    const marks = step.fields.marks.map((words, at) => [at + 1, nameOf(words)]);
    slot(form, "mark").append(wordedScale("mark", "How good is what the human wrote?", marks));
  },
  read(form) {
    const mark = chosen(form, "mark");
    if (mark === null) throw new Unfinished("Choose a mark.", form.elements.mark[0]);
    const note = form.elements.note.value.trim();
    return note ? { mark, note } : { mark };
  },
  words: written,
};
