// Categories of harm as a grid of checkboxes, and that none of them applies: one or the other, the last press counts.

import { copyOf, element, plain, put, slot } from "../elements.js";
import { Unfinished } from "./unfinished.js";

const KEYS = "123456789qwertyuiop";
const NONE_KEY = "0";
const NONE = "None of these applies";
const UNNAMED = "Unsafe, no category named";

/** A name of a taxonomy as the form shows it. */
export function nameOf(category) {
  const name = plain(category).toLowerCase();
  return name.charAt(0).toUpperCase() + name.slice(1);
}

/** A label in words: what stands against what. */
export function labelWords({ is_safe: isSafe, categories }) {
  if (isSafe) return "Safe: none applies";
  return categories?.length ? `Unsafe: ${categories.map(nameOf).join("; ")}` : UNNAMED;
}

/** The grid. `prefix` tells the fields of several grids in one form apart; `keys`: whether keys press its boxes; `unnamed`: whether it may say unsafe, and not why. */
export function harmGrid(categories, question, { prefix = "", keys = false, unnamed = false } = {}) {
  const made = copyOf("harms");
  made.dataset.prefix = prefix;
  made.dataset.group = question;
  if (keys) made.dataset.keys = "";
  put(made, "question", question);
  const boxes = categories.map((category, at) => box(`${prefix}categories`, category, nameOf(category), keys && KEYS[at]));
  slot(made, "categories").append(...boxes);
  slot(made, "none").append(box(`${prefix}none_applies`, "yes", NONE, keys && NONE_KEY));
  if (unnamed) slot(made, "none").append(box(`${prefix}unnamed`, "yes", UNNAMED));
  made.addEventListener("input", (event) => keepApart(made, event.target));
  return made;
}

function box(name, value, words, key) {
  const made = copyOf("harm");
  const field = made.querySelector("input");
  field.name = name;
  field.value = value;
  put(made, "name", words);
  if (key) {
    field.setAttribute("aria-keyshortcuts", key);
    made.append(element("kbd", key, { "aria-hidden": "true", class: "single" }));
  }
  return made;
}

const boxesOf = (grid) => [...slot(grid, "categories").querySelectorAll("input")];
const noneOf = (grid) => slot(grid, "none").querySelector("[name$=none_applies]");
const unnamedOf = (grid) => slot(grid, "none").querySelector("[name$=unnamed]");

function keepApart(grid, pressed) {
  const boxes = boxesOf(grid);
  const together = boxes.includes(pressed) ? boxes : [pressed];
  const contrary = [...grid.querySelectorAll("input")].filter((field) => field.checked && pressed.checked && !together.includes(field));
  for (const field of contrary) field.checked = false;
  put(grid, "taken-back", contrary.length ? `Taken back: ${contrary.map((field) => field.labels[0].querySelector("[data-slot=name]").textContent).join("; ")}.` : "");
}

/** {categories, none_applies} as they are checked; categories null where it says unsafe, and not why. */
export function readHarms(grid) {
  if (unnamedOf(grid)?.checked) return { categories: null, none_applies: false };
  return { categories: boxesOf(grid).filter((field) => field.checked).map((field) => field.value), none_applies: noneOf(grid).checked };
}

/** The same, once something is checked. */
export function requireHarms(grid) {
  const given = readHarms(grid);
  if (!given.none_applies && given.categories?.length === 0) throw new Unfinished("Check the categories that apply, or that none of them does.", boxesOf(grid)[0]);
  return given;
}

/** The form's state for such an answer. */
export const harmState = ({ categories, none_applies: none }, prefix = "") => ({ [`${prefix}categories`]: categories ?? [], [`${prefix}none_applies`]: none ? ["yes"] : [], ...(categories ? {} : { [`${prefix}unnamed`]: ["yes"] }) });

/** Presses the box of this key; whether there is one. A scale that has the focus keeps its digits. */
export function pressHarm(form, key) {
  const grid = form.querySelector("[data-harms][data-keys]");
  if (!grid || (/\d/.test(key) && document.activeElement?.closest("[data-scale]"))) return false;
  const field = key === NONE_KEY ? noneOf(grid) : boxesOf(grid)[KEYS.indexOf(key.toLowerCase())];
  if (!field) return false;
  field.click();
  field.focus();
  return true;
}
