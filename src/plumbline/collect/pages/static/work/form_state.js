// What a form holds, as plain values; and the way back through what it held before.

import { byId } from "../elements.js";

/** {name: value, or the list of those checked}. */
export function readForm(form) {
  const state = {};
  for (const field of form.elements) {
    if (!field.name || field.disabled) continue;
    if (field.type === "checkbox") (state[field.name] ??= []).push(...(field.checked ? [field.value] : []));
    else if (field.type === "radio") { if (field.checked) state[field.name] = field.value; }
    else if (isText(field)) state[field.name] = field.value;
  }
  return state;
}

/** Fills a form with such values; what they do not name is emptied. */
export function writeForm(form, state) {
  for (const field of form.elements) {
    if (!field.name) continue;
    const value = state[field.name];
    if (field.type === "checkbox") field.checked = (value ?? []).includes(field.value);
    else if (field.type === "radio") field.checked = value === field.value;
    else if (isText(field) && field.value !== (value ?? "")) field.value = value ?? "";
  }
  form.dispatchEvent(new Event("restored"));
}

const isText = (field) => field.matches("input, textarea, select");

/** [what, how it is filled in] of all that is filled in, in the form's own words. */
export function inFormWords(form, state) {
  const lines = new Map();
  for (const field of form.elements) {
    const value = field.name ? state[field.name] : undefined;
    if (field.type === "checkbox" && value?.includes(field.value)) add(lines, groupOf(field), labelOf(field));
    else if (field.type === "radio" && value === field.value) add(lines, groupOf(field), labelOf(field));
    else if (!["checkbox", "radio"].includes(field.type) && value) add(lines, labelOf(field), value);
  }
  return [...lines].map(([what, values]) => [what, values.join(", ")]);
}

const add = (lines, what, value) => lines.set(what, [...(lines.get(what) ?? []), value]);
const groupOf = (field) => field.closest("[data-group]")?.dataset.group ?? field.closest("fieldset")?.querySelector("legend")?.textContent.trim() ?? field.name;
function labelOf(field) {
  const label = field.labels?.[0];
  return field.getAttribute("aria-label") ?? (label?.querySelector("[data-slot=meaning]") ?? label?.querySelector("[data-slot=name]") ?? label)?.textContent.trim() ?? field.name;
}

/** Whether anything was filled in. */
export const isEmpty = (state) => Object.values(state).every((value) => !value || value.length === 0);

/** Whether two states say the same; the order of what is checked, and empty fields, say nothing. */
export const isSame = (one, other) => JSON.stringify(sorted(one)) === JSON.stringify(sorted(other));
const sorted = (state) => Object.entries(state ?? {})
  .filter(([, value]) => value && value.length !== 0)
  .map(([name, value]) => [name, Array.isArray(value) ? [...value].sort() : value])
  .sort(([a], [b]) => (a < b ? -1 : 1));

const PAUSE_MILLISECONDS = 1_000;

/** The states that a form went through; typing into one field counts as one step until there is a pause. */
export class History {
  constructor(state) {
    this.states = [state];
    this.undone = [];
    this.field = null;
    this.at = 0;
  }

  get canUndo() {
    return this.states.length > 1;
  }

  get canRedo() {
    return this.undone.length > 0;
  }

  /** `field`: the one that was typed into; null for anything else. */
  note(state, field = null) {
    if (isSame(state, this.states.at(-1))) return;
    const now = performance.now();
    const typesOn = field && field === this.field && this.states.length > 1 && now - this.at < PAUSE_MILLISECONDS;
    this.at = now;
    this.undone = [];
    if (typesOn) this.states[this.states.length - 1] = state;
    else this.states.push(state);
    this.field = field;
  }

  undo() {
    if (this.canUndo) this.undone.push(this.states.pop());
    this.field = null;
    return this.states.at(-1);
  }

  redo() {
    if (this.canRedo) this.states.push(this.undone.pop());
    this.field = null;
    return this.states.at(-1);
  }
}

/** Which of the two buttons do something; none of them without a history. */
export function offerSteps(history) {
  byId("undo").disabled = !history?.canUndo;
  byId("redo").disabled = !history?.canRedo;
}
