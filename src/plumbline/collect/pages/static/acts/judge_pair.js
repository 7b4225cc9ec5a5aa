// Two replies of a data set, judged on one axis or both.

import { copyOf, put, slot } from "../elements.js";
import { showReplies } from "../work/conversation.js";
import { chosen, scale } from "../work/scale.js";
import { commentOf, showComment, written } from "./comment.js";
import { Unfinished } from "./unfinished.js";

const WORDS = {
  helpfulness: { better: ["Which reply is more helpful?", "more helpful"] },
  harmlessness: { better: ["Which reply is less harmful?", "less harmful"], "more harmful": ["Which reply is more harmful?", "more harmful"] },
};

/** [question, word] of an axis and what is asked on it. */
export const wordsOf = (axis, question) => WORDS[axis]?.[question] ?? [`Which reply is ${question}?`, question];

export const judgePair = {
  template: "act-judge-pair",
  fill(form, step) {
    const replies = slot(form, "replies");
    showReplies(replies, step.replies);
    step.fields.continuations.forEach((messages, at) => { if (messages.length > 1) showMessages(replies.children[at], messages); });
    for (const [axis, question] of Object.entries(step.fields.questions)) {
      slot(form, "scales").append(scale(axis, wordsOf(axis, question)[0], step.fields.steps, wordsOf(axis, question)[1]));
    }
    showComment(form, step.fields.comment);
  },
  read(form, step) {
    const answer = {};
    for (const axis of Object.keys(step.fields.questions)) {
      const judged = chosen(form, axis);
      if (judged === null) throw new Unfinished("Choose a step on every scale.", form.elements[axis][0]);
      answer[axis] = judged;
    }
    return { ...answer, ...commentOf(form, step.fields.comment) };
  },
  words: written,
};

/** A side of several messages: all of them stand in its place, each with who says it. */
function showMessages(reply, messages) {
  slot(reply, "text").replaceWith(...messages.map(({ role, text }) => {
    const made = copyOf("said-in-reply");
    put(made, "who", role === "human" ? "Human" : "Assistant");
    put(made, "text", text);
    return made;
  }));
}
