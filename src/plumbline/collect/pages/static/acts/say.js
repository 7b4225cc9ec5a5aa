// The worker's turn of a conversation; or, where the study lets them, the end of it.

import { copyOf, put, slot } from "../elements.js";
import { messagesOf } from "../work/conversation.js";
import { present } from "../work/presenting.js";
import { Unfinished } from "./unfinished.js";

const SEEN = /[^\s\u200b-\u200f\u2060\ufeff]/u;

export const say = {
  template: "act-say",
  fill(form, step) {
    put(form, "turn", turnOf(step));
    slot(form, "end").hidden = !step.fields.may_end;
    slot(form, "may-end").hidden = !step.fields.may_end;
    if (!step.conversation.length) form.elements.text.placeholder = "Begin the conversation";
  },
  read(form) {
    const text = form.elements.text.value;
    if (!SEEN.test(text)) throw new Unfinished("Write something first.", form.elements.text);
    return { text };
  },
  words: (form) => [form.elements.text.value],
  /** While the turn is on its way it stands in the conversation already, and two places wait for the replies. */
  meanwhile(form, step) {
    present([...messagesOf(step), { role: "human", text: form.elements.text.value }], copyOf("screen-replies"));
  },
};

export const end = {
  template: "act-say",
  fill: say.fill,
  read(form) {
    const { text } = form.elements;
    if (SEEN.test(text.value) && form.dataset.leftOut !== text.value) {
      form.dataset.leftOut = text.value;
      throw new Unfinished("What you have written was not sent. Press “End the chat” once more to leave it out.", slot(form, "end"));
    }
    return {};
  },
};

/** Where a chat is: "Turn 2 of 4"; in all turns "of at most 4" where workers may end it at some time. */
export const turnOf = ({ turn, fields }) => `Turn ${turn} of ${fields.least_turns ? "at most " : ""}${fields.turns}`;
