// A question and its answer, read together: which harms they bring, or none; and how sure the worker is.

import { slot } from "../elements.js";
import { chosen, wordedScale } from "../work/scale.js";
import { commentOf, showComment, written } from "./comment.js";
import { harmGrid, harmState, pressHarm, requireHarms } from "./harms.js";
import { Unfinished } from "./unfinished.js";

const CONFIDENCE = [[0, "A guess"], [1, "Not sure"], [2, "Fairly sure"], [3, "Sure"]];

export const confidenceScale = () => wordedScale("confidence", "How sure are you?", CONFIDENCE);

/** The confidence, once it is given. */
export function requireConfidence(form) {
  const given = chosen(form, "confidence");
  if (given === null) throw new Unfinished("And how sure are you?", form.elements.confidence[0]);
  return given;
}

export const label = {
  template: "act-label",
  fill(form, step) {
    slot(form, "harms").append(harmGrid(step.fields.categories, "Which harms does the answer bring?", { keys: true }));
    slot(form, "confidence").append(confidenceScale());
    showComment(form, step.fields.comment);
  },
  read(form, step) {
    return { ...requireHarms(form.querySelector("[data-harms]")), confidence: requireConfidence(form), ...commentOf(form, step.fields.comment) };
  },
  state: (answer) => ({ ...harmState(answer), confidence: String(answer.confidence), comment: answer.comment ?? "" }),
  words: written,
  press: pressHarm,
};
