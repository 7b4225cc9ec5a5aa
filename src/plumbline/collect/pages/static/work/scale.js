// The scale from A to B: native radio buttons, a number for each, words for who does not see where they stand.

import { copyOf, put, slot } from "../elements.js";

const DEGREES = ["slightly", "somewhat", "clearly", "much"];

/** What a step says: "A is clearly better". */
function meaning(step, steps, word) {
  const half = steps / 2;
  const [letter, strength] = step <= half ? ["A", half + 1 - step] : ["B", step - half];
  const degree = DEGREES[Math.ceil((strength / half) * DEGREES.length) - 1];
  return `${letter} is ${degree} ${word}`;
}

/** A scale of `steps` steps for a field of the form. `word`: better, more helpful, more harmful … */
export function scale(name, question, steps, word) {
  const made = copyOf("scale");
  put(made, "question", question);
  put(made, "first-end", `A is much ${word}`);
  put(made, "second-end", `B is much ${word}`);
  const places = slot(made, "steps");
  for (let step = 1; step <= steps; step += 1) {
    const place = copyOf("scale-step");
    const button = place.querySelector("input");
    button.name = name;
    button.value = String(step);
    put(place, "number", String(step));
    put(place, "meaning", meaning(step, steps, word));
    place.title = meaning(step, steps, word);
    places.append(place);
  }
  return made;
}

/** A scale whose steps have words of their own, such as bad to good: [[value, words], …]; a value is the key that presses it. */
export function wordedScale(name, question, steps) {
  const made = copyOf("scale");
  put(made, "question", question);
  made.querySelector(".ends").remove();
  const places = slot(made, "steps");
  for (const [value, words] of steps) {
    const place = copyOf("scale-step");
    const button = place.querySelector("input");
    button.name = name;
    button.value = String(value);
    put(place, "number", String(value));
    const meant = slot(place, "meaning");
    meant.textContent = words;
    meant.className = "step-words";
    place.classList.add("worded");
    places.append(place);
  }
  return made;
}

/** The chosen step of a field; null where none is. */
export function chosen(form, name) {
  const value = new FormData(form).get(name);
  return value === null ? null : Number(value);
}

/** Presses the step of this number: of the scale that has the focus, else of the first without an answer; whether there was one. */
export function press(form, number) {
  const scales = [...form.querySelectorAll("[data-scale]")];
  const within = scales.find((each) => each.contains(document.activeElement));
  const open = scales.find((each) => !each.querySelector(":checked"));
  const buttons = (within ?? open ?? scales.at(-1))?.querySelectorAll("input[type=radio]") ?? [];
  const button = [...buttons].find((each) => each.value === String(number));
  if (!button) return false;
  button.click();
  const next = scales.find((each) => !each.querySelector(":checked"));
  (next?.querySelector("input") ?? button).focus();
  return true;
}
