// Two replies of a live conversation: which is better on the study's axis, and by how much; one of them goes on.

import { put, slot } from "../elements.js";
import { showReplies } from "../work/conversation.js";
import { addEdits, changedEdit } from "../work/edits.js";
import { chosen, scale, wordedScale } from "../work/scale.js";
import { wordsOf } from "./judge_pair.js";
import { turnOf } from "./say.js";
import { Unfinished } from "./unfinished.js";

export const judgeTurn = {
  template: "act-judge-turn",
  fill(form, step) {
    const { axis, question, steps } = step.fields;
    const [asked, word] = wordsOf(axis, question);
    put(form, "turn", turnOf(step));
    showReplies(slot(form, "replies"), step.replies);
    if (step.fields.edit) addEdits(form, slot(form, "replies"), step.replies);
    slot(form, "scales").append(scale("step", asked, steps, word));
    if (step.fields.choose_continuation) {
      slot(form, "scales").append(wordedScale("continue_with", "Which reply does the conversation go on with?", [[1, "A"], [2, "B"]]));
    }
  },
  read(form, step) {
    const answer = { step: chosen(form, "step"), shown: step.fields.shown };
    if (answer.step === null) throw new Unfinished("Choose a step on the scale.", form.elements.step[0]);
    if (step.fields.choose_continuation) {
      const place = chosen(form, "continue_with");
      if (place === null) throw new Unfinished("Choose which reply the conversation goes on with.", form.elements.continue_with[0]);
      answer.continue_with = place - 1;
    }
    const edit = step.fields.edit ? changedEdit(form, step.replies) : null;
    return edit ? { ...answer, edit } : answer;
  },
  words: (form, step) => {
    const edit = step.fields.edit ? changedEdit(form, step.replies) : null;
    return edit ? [edit.text] : [];
  },
};
