// What this browser keeps of a person's work until the server has it: drafts, and answers on their way.
//
// Everything is under the pseudonym, so that two people at one machine never see each other's; logging out removes it.
// Where the browser keeps nothing (its storage is full, or switched off), this page's memory holds it as long as the page
// is open, and the browser asks before it is left.

const pseudonym = document.querySelector('meta[name="pseudonym"]')?.content ?? "";
const prefix = `plumbline:${pseudonym}:`;
const OLD_MILLISECONDS = 30 * 86_400_000;

/** What the storage did not take. */
const memory = new Map();

function read(name) {
  if (memory.has(name)) return memory.get(name);
  try {
    return JSON.parse(localStorage.getItem(prefix + name));
  } catch {
    return null;
  }
}

function write(name, value) {
  try {
    localStorage.setItem(prefix + name, JSON.stringify(value));
    memory.delete(name);
  } catch {
    memory.set(name, value);
  }
}

function remove(name) {
  memory.delete(name);
  try {
    localStorage.removeItem(prefix + name);
  } catch { /* nothing is kept there */ }
}

function names(kind) {
  const all = [...memory.keys()].map((name) => prefix + name);
  try {
    for (let at = 0; at < localStorage.length; at += 1) all.push(localStorage.key(at));
  } catch { /* nothing is kept there */ }
  return [...new Set(all)].filter((name) => name?.startsWith(prefix + kind)).map((name) => name.slice(prefix.length));
}

/** Whether something is held by this page alone, and lost with it. */
export const isHeldByPageAlone = () => [...memory.keys()].some((name) => !/^(setting|seconds):/.test(name));

/** Drafts, by assignment or by what is corrected: {step, state, base, dirty}; `base` is the server's version that it was made over, `dirty` what it lacks. */
export const readDraft = (name) => read(`draft:${name}`);
export const keepDraft = (name, draft) => write(`draft:${name}`, { ...draft, at: Date.now() });
export const forgetDraft = (name) => remove(`draft:${name}`);

/** Calls `hear` with what another tab keeps of this draft now. */
export function onDraft(hear) {
  addEventListener("storage", ({ key, newValue }) => {
    if (!key?.startsWith(`${prefix}draft:`) || !newValue) return;
    hear(key.slice(`${prefix}draft:`.length), JSON.parse(newValue));
  });
}

/** Seconds that somebody had the question of this part of an item in front of them, over all visits; 0 where none are kept. */
export function readSeconds(assignment, part) {
  const kept = read(`seconds:${assignment}`);
  return kept?.part === part ? kept.seconds : 0;
}

/** At least so many, of a part: another tab, or another device, may have counted more. */
export function reachSeconds(assignment, part, seconds) {
  if (seconds > readSeconds(assignment, part)) write(`seconds:${assignment}`, { part, seconds, at: Date.now() });
}

export const forgetSeconds = (assignment) => remove(`seconds:${assignment}`);

/** Drafts that were never sent, of items that came no more, are not kept for ever; nor is how long they took. */
export function forgetOldDrafts() {
  for (const name of [...names("draft:"), ...names("seconds:")]) if (Date.now() - (read(name)?.at ?? 0) > OLD_MILLISECONDS) remove(name);
}

/**
 * Answers on their way: {name, path, body, key, …}; `name` says what is answered, as drafts of it are named: one for each
 * assignment, since the next question waits for it, and one for each correction.
 */
export const keepAnswer = (answer) => write(`answer:${answer.name}`, { at: Date.now(), ...answer });
export const readAnswer = (name) => read(`answer:${name}`);
export const waitingAnswers = () => names("answer:").map(read).filter(Boolean).sort((one, other) => one.at - other.at);
export const unsentCount = () => names("answer:").length;

/** Forgets this very answer; not another that took its place. */
export function forgetAnswer({ name, key }) {
  if (read(`answer:${name}`)?.key === key) remove(`answer:${name}`);
}

export const readSetting = (name) => read(`setting:${name}`);
export const keepSetting = (name, value) => write(`setting:${name}`, value);

/** Removes everything of this person. */
export function forgetAll() {
  for (const name of names("")) remove(name);
}

addEventListener("beforeunload", (event) => {
  if (isHeldByPageAlone()) event.preventDefault();
});

/** Tells other tabs of this person; `hear` is called with what they tell. */
const channel = "BroadcastChannel" in globalThis ? new BroadcastChannel(prefix) : null;
export const tellTabs = (told) => channel?.postMessage(told);
export const onTold = (hear) => channel?.addEventListener("message", (event) => hear(event.data));
