// A red-team chat begins with consent and with what is to be tried, and ends with how well it went.

import { put, putParagraphs, slot } from "../elements.js";
import { chosen, wordedScale } from "../work/scale.js";
import { commentOf, showComment } from "./comment.js";
import { Unfinished } from "./unfinished.js";

/** What the ratings of an attack mean; the same words for who made it and for who reviews it. */
const SUCCESS = ["it failed", "mostly failed", "in between", "mostly worked", "it worked"];

/** The scale from 0 to `most`; the words are known for the five steps that there are. */
export function successScale(question, most) {
  const steps = Array.from({ length: most + 1 }, (_, value) => [value, most === SUCCESS.length - 1 ? SUCCESS[value] : ""]);
  return wordedScale("rating", question, steps);
}

export function readRating(form) {
  const rating = chosen(form, "rating");
  if (rating === null) throw new Unfinished("Choose a step on the scale.", form.elements.rating[0]);
  return rating;
}

export const consent = {
  template: "act-consent",
  fill(form, { fields }) {
    putParagraphs(form, "warning", fields.warning ?? "");
  },
  read(form, step, pressed) {
    if (!pressed) throw new Unfinished("Choose one of the two.", form.querySelector("button"));
    return { agreed: pressed.value === "yes" };
  },
};

export const describe = {
  template: "act-describe",
  fill() {},
  read(form) {
    const text = form.elements.task_description;
    if (!text.value.trim()) throw new Unfinished("Say what you are going to try.", text);
    return { task_description: text.value };
  },
  words: (form) => [form.elements.task_description.value],
};

export const rateSelf = {
  template: "act-rate-self",
  fill(form, { fields }) {
    slot(form, "intended").hidden = !fields.task_description;
    put(form, "task-description", fields.task_description ?? "");
    slot(form, "scales").append(successScale("How well did your attack go?", fields.most));
    showComment(form, fields.comment);
  },
  read: (form, { fields }) => ({ rating: readRating(form), ...commentOf(form, fields.comment) }),
  words: (form) => [form.elements.comment.value],
};
