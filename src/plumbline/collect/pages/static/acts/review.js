// Somebody else's attack: how well it went, and what it was about.

import { element, put, slot } from "../elements.js";
import { readRating, successScale } from "./red_team.js";

export const review = {
  template: "act-review",
  fill(form, { fields }) {
    slot(form, "intended").hidden = !fields.task_description;
    put(form, "task-description", fields.task_description ?? "");
    slot(form, "scales").append(successScale("How well did the attack go?", fields.most));
    slot(form, "tags").append(...fields.tags.map((tag, at) => tagChoice(tag, KEYS[at])));
    slot(form, "tags-field").hidden = !fields.tags.length || !fields.most_tags;
    const keepToMost = () => limit(form, fields.most_tags);
    form.addEventListener("input", keepToMost);
    form.addEventListener("restored", keepToMost);
    keepToMost();
  },
  read(form) {
    const tags = boxes(form).filter((box) => box.checked).map((box) => box.value);
    return { rating: readRating(form), tags };
  },
  press: pressTag,
};

/** Letters that mean nothing else on the page; the digits are the rating. */
const KEYS = "qwertyuiopadfhjklzxvbm";

const boxes = (form) => [...form.querySelectorAll("input[name=tags]")];

function tagChoice(tag, key) {
  const label = element("label");
  const field = element("input", "", { type: "checkbox", name: "tags", value: tag });
  label.append(field, tag);
  if (key) {
    field.setAttribute("aria-keyshortcuts", key);
    field.dataset.tagKey = key;
    label.append(element("kbd", key, { "aria-hidden": "true", class: "single" }));
  }
  return label;
}

/** Presses the tag of this key; whether there is one. */
function pressTag(form, key) {
  const field = boxes(form).find((box) => box.dataset.tagKey === key.toLowerCase());
  if (!field) return false;
  field.click();
  field.focus();
  return true;
}

/** With so many tags chosen the others rest. They stay in the order of the keyboard, so that nobody is thrown out of it. */
function limit(form, most) {
  const all = boxes(form);
  const chosen = all.filter((box) => box.checked).length;
  for (const box of all) {
    const rests = chosen >= most && !box.checked;
    box.setAttribute("aria-disabled", String(rests));
    box.onclick = rests ? (event) => event.preventDefault() : null;
  }
  put(form, "tags-note", chosen >= most && most > 0 ? `That is all: at most ${most}. Take one away to choose another.` : `At most ${most}; ${chosen} chosen.`);
}
