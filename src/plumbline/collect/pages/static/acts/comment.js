// The comment that a worker may leave, in studies that have it.

import { slot } from "../elements.js";

/** Shows the field, or not. */
export function showComment(form, isAsked) {
  slot(form, "comment-field").hidden = !isAsked;
}

/** {comment}, or nothing where none was written. */
export function commentOf(form, isAsked) {
  const comment = isAsked ? form.elements.comment.value.trim() : "";
  return comment ? { comment } : {};
}

/** The texts that somebody wrote into a form. */
export const written = (form) => [...form.querySelectorAll("textarea")].map((field) => field.value);
