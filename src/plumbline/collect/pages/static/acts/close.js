// The end of a preference chat: how it was, and a comment, as the study asks.

import { slot } from "../elements.js";
import { chosen, wordedScale } from "../work/scale.js";
import { commentOf, showComment } from "./comment.js";
import { Unfinished } from "./unfinished.js";

export const close = {
  template: "act-close",
  fill(form, { fields }) {
    if (fields.rating) {
      slot(form, "scales").append(wordedScale("rating", "How was this conversation?", fields.rating.map((word, at) => [at + 1, word])));
    }
    showComment(form, fields.comment);
  },
  read(form, { fields }) {
    const answer = {};
    if (fields.rating) {
      answer.rating = chosen(form, "rating");
      if (answer.rating === null) throw new Unfinished("Say how the conversation was.", form.elements.rating[0]);
    }
    return { ...answer, ...commentOf(form, fields.comment) };
  },
  words: (form) => [form.elements.comment.value],
};
