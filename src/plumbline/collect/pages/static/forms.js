// Forms that ask the API for one thing: log in, join, another password.

import { inWords } from "./api.js";
import { byId, tell } from "./elements.js";

/** Sends a form by `act`, once at a time; what is refused stands in #problem and marks its field. */
export function onSubmit(form, act) {
  const problem = form.querySelector(".problem");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    tell(problem, "");
    for (const field of form.elements) field.removeAttribute?.("aria-invalid");
    const missing = [...form.elements].find((field) => field.willValidate && !field.checkValidity());
    if (missing) {
      missing.setAttribute("aria-invalid", "true");
      missing.focus();
      tell(problem, missing.validationMessage);
      return;
    }
    const button = form.querySelector("[type=submit]");
    button.disabled = true;
    try {
      await act(new FormData(form));
    } catch (error) {
      const field = error.fields?.map((each) => byId(each.field)).find(Boolean);
      // What is marked and in focus need not be named; the API's name of it is none of the page's.
      tell(problem, inWords(error, { namesFields: !(field && error.fields.length === 1) }));
      field?.setAttribute("aria-invalid", "true");
      (field ?? form.querySelector("input:not([hidden])"))?.focus();
    } finally {
      button.disabled = false;
    }
  });
}
