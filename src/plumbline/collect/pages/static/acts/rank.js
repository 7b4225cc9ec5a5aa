// Several replies, ranked for helpfulness and, apart from that, for harmlessness; ties are fine. On harmlessness every safe
// reply stands above every unsafe one; who holds a label to be wrong disputes it, and ranks by the corrected one.

import { copyOf, put, slot, tell } from "../elements.js";
import { chosen } from "../work/scale.js";
import { commentOf, showComment, written } from "./comment.js";
import { harmGrid, harmState, labelWords, readHarms } from "./harms.js";
import { confidenceScale, requireConfidence } from "./label.js";
import { Unfinished } from "./unfinished.js";

const LETTERS = "ABCDEFGHIJ";
const AXES = {
  helpfulness: ["Helpfulness", "How well does it answer the question? Leave harm aside."],
  harmlessness: ["Harmlessness", "How little harm does it bring? Every safe reply stands above every unsafe one."],
};
const SHOWN_AT_ONCE = 4;

export const rank = {
  template: "act-rank",
  fill(form, step) {
    slot(form, "replies").append(...step.replies.map((text, at) => rankedReply(text, at, step)));
    slot(form, "disputes").append(...step.replies.map((_, at) => dispute(at, step)));
    for (const axis of step.fields.axes) slot(form, "axes").append(rankGrid(axis, step.replies.length));
    slot(form, "confidence").append(confidenceScale());
    showComment(form, step.fields.comment);
    const look = () => showConflicts(form, step);
    form.addEventListener("input", look);
    form.addEventListener("restored", () => {
      for (const each of form.querySelectorAll("details.dispute")) each.open = [...each.querySelectorAll("input, textarea")].some((field) => (field.type === "checkbox" ? field.checked : field.value));
      look();
    });
    look();
  },
  read(form, step) {
    const answer = {};
    for (const axis of step.fields.axes) answer[axis] = requireRanks(form, axis, step.replies.length);
    const disputes = requireDisputes(form, step);
    const [conflict] = conflictsIn(form, step);
    if (conflict) throw new Unfinished(inWords(form, step), form.elements[`harmlessness-${conflict[0]}`][0]);
    return { ...answer, confidence: requireConfidence(form), ...(disputes.length ? { disputes } : {}), ...commentOf(form, step.fields.comment) };
  },
  state(answer) {
    const state = { confidence: String(answer.confidence), comment: answer.comment ?? "" };
    for (const axis of Object.keys(AXES)) answer[axis]?.forEach((given, at) => { state[`${axis}-${at}`] = String(given); });
    for (const { position, note, ...harms } of answer.disputes ?? []) Object.assign(state, harmState(harms, `dispute-${position}-`), { [`dispute-${position}-note`]: note ?? "" });
    return state;
  },
  /** In a correction disputes stay as they were: they are with a reviewer. */
  correcting(form) {
    slot(form, "disputes").hidden = true;
    slot(form, "no-disputes").hidden = false;
  },
  words: written,
};

function rankedReply(text, at, step) {
  const made = copyOf("ranked-reply");
  put(made, "letter", LETTERS[at]);
  put(made, "text", text);
  put(made, "label", labelWords(step.fields.labels[at]));
  made.classList.toggle("unsafe", !step.fields.labels[at].is_safe);
  return made;
}

function dispute(at, step) {
  const made = copyOf("dispute");
  const prefix = `dispute-${at}-`;
  slot(made, "summary").append(` ${LETTERS[at]}`);
  slot(made, "harms").append(harmGrid(step.fields.categories, `What ${LETTERS[at]} should be labelled`, { prefix }));
  const note = made.querySelector("textarea");
  note.name = note.id = `${prefix}note`;
  made.querySelector("label[data-of=note]").htmlFor = note.id;
  return made;
}

function rankGrid(axis, count) {
  const made = copyOf("rank-grid");
  const [name, hint] = AXES[axis];
  made.dataset.axis = axis;
  put(made, "axis", name);
  put(made, "hint", hint);
  for (let at = 0; at < count; at += 1) slot(made, "rows").append(rankRow(axis, at, count));
  return made;
}

function rankRow(axis, at, count) {
  const row = copyOf("rank-row");
  const what = `${AXES[axis][0]} of ${LETTERS[at]}`;
  row.setAttribute("aria-label", what);
  row.dataset.group = what;
  put(row, "letter", LETTERS[at]);
  for (let given = 1; given <= count; given += 1) {
    const place = copyOf("scale-step");
    const button = place.querySelector("input");
    button.name = `${axis}-${at}`;
    button.value = String(given);
    put(place, "number", String(given));
    put(place, "meaning", `rank ${given} of ${count}${given === 1 ? ", the best" : ""}`);
    slot(row, "steps").append(place);
  }
  return row;
}

const ranksIn = (form, axis, count) => Array.from({ length: count }, (_, at) => chosen(form, `${axis}-${at}`));

function requireRanks(form, axis, count) {
  const ranks = ranksIn(form, axis, count);
  const open = ranks.indexOf(null);
  if (open >= 0) throw new Unfinished(`${AXES[axis][0]}: give ${LETTERS[open]} a rank. Ties are fine.`, form.elements[`${axis}-${open}`][0]);
  return ranks;
}

// --- disputes ---

const gridOf = (form, at) => form.querySelector(`[data-harms][data-prefix="dispute-${at}-"]`);

/** The label that a reply should have; null where it is not disputed. */
function disputed(form, at) {
  const given = readHarms(gridOf(form, at));
  return given.none_applies || given.categories.length ? given : null;
}

function requireDisputes(form, step) {
  return step.replies.flatMap((_, position) => {
    const given = disputed(form, position);
    const note = form.elements[`dispute-${position}-note`].value.trim();
    const first = gridOf(form, position).querySelector("input");
    if (!given && note) throw new Unfinished(`Say what ${LETTERS[position]} should be labelled, or take the note back.`, first);
    if (given && isShown(given, step.fields.labels[position])) throw new Unfinished(`That is the label that ${LETTERS[position]} has. Check another, or none.`, first);
    return given ? [{ position, ...given, ...(note ? { note } : {}) }] : [];
  });
}

const isShown = (given, shown) => given.none_applies === shown.is_safe && shown.categories !== null && shown.categories !== undefined
  && String([...given.categories].sort()) === String([...shown.categories].sort());

// --- safe above unsafe ---

/** [safe, unsafe] of replies where the safe one does not stand above the other, as far as both are ranked. */
function conflictsIn(form, step) {
  if (!step.fields.axes.includes("harmlessness")) return [];
  const ranks = ranksIn(form, "harmlessness", step.replies.length);
  const safe = step.fields.labels.map((label, at) => disputed(form, at)?.none_applies ?? label.is_safe);
  const pairs = ranks.flatMap((_, one) => ranks.map((__, other) => [one, other]));
  return pairs.filter(([one, other]) => safe[one] && !safe[other] && ranks[one] !== null && ranks[other] !== null && ranks[one] >= ranks[other]);
}

function inWords(form, step) {
  const conflicts = conflictsIn(form, step);
  const pairs = conflicts.slice(0, SHOWN_AT_ONCE).map(([safe, unsafe]) => `${LETTERS[safe]} (safe) above ${LETTERS[unsafe]} (unsafe)`);
  if (conflicts.length > pairs.length) pairs.push("and so on");
  return conflicts.length ? `On harmlessness, put ${pairs.join(", ")}; or dispute a label that is wrong.` : "";
}

function showConflicts(form, step) {
  const broken = new Set(conflictsIn(form, step).flat());
  form.querySelectorAll('[data-axis="harmlessness"] [data-scale]').forEach((row, at) => row.classList.toggle("broken", broken.has(at)));
  const grid = form.querySelector('[data-axis="harmlessness"]');
  if (grid) tell(slot(grid, "conflict"), inWords(form, step));
  step.replies.forEach((_, at) => {
    const given = disputed(form, at);
    put(form.querySelectorAll(".reply")[at], "disputed", given ? `You say: ${labelWords({ is_safe: given.none_applies, categories: given.categories })}` : "");
  });
}
