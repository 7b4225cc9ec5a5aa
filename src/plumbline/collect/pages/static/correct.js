// A judgement of one's own as it was shown, with the answer filled in; what is sent takes its place, and both stay stored.

import { ask, inWords, Refused, toLogin } from "./api.js";
import { ACTS } from "./acts/index.js";
import { Unfinished } from "./acts/unfinished.js";
import { byId, copyOf, put, slot, tell } from "./elements.js";
import { Clock } from "./work/clock.js";
import { messagesOf, showConversation } from "./work/conversation.js";
import { ANSWERED, deliver, needsLogin, patiently, prepared, tryNow } from "./work/delivery.js";
import { confirmPersonalData, openDialog } from "./work/dialogs.js";
import { History, isSame, offerSteps, readForm, writeForm } from "./work/form_state.js";
import { Guide } from "./work/guide.js";
import { forgetDraft, keepDraft, onDraft, readAnswer, readDraft } from "./work/kept.js";
import { listenToKeys, openKeys } from "./work/keys.js";
import { forgetUnfinished, tellUnfinished } from "./work/told.js";
import { showVeil } from "./work/veil.js";

const place = byId("work");
const { study, judgement } = place.dataset;
const name = `judgement-${judgement}`;
const guide = new Guide(study, null);
const clock = new Clock(() => {});
let form, act, step, history;

/** The state of a form for an answer, where the act does not say it: every field under its own name. */
const plainState = ({ act: _, ...answer }) => Object.fromEntries(
  Object.entries(answer).filter(([, value]) => value !== null).map(([field, value]) => [field, Array.isArray(value) ? value.map(String) : String(value)]),
);

async function begin() {
  const waiting = readAnswer(name);
  if (waiting) return done(await deliver(waiting, tellTrouble));
  const own = await patiently(() => ask("GET", `/api/v1/judgements/${judgement}`), tellTrouble);
  act = ACTS[own.step.act];
  // Which reply went on, and what was edited, stays as it was.
  step = { ...own.step, fields: { ...own.step.fields, choose_continuation: false, edit: false } };
  form = copyOf(act.template);
  act.fill(form, step);
  writeForm(form, (act.state ?? plainState)(own.answer));
  act.correcting?.(form);
  history = new History(readForm(form));
  showConversation(messagesOf(step));
  byId("act").replaceChildren(form);
  if (own.can_be_corrected) {
    if (takeUpDraft(readDraft(name))) tell(byId("notice"), "What you changed here before was not sent yet. Send it, or undo it.");
    onDraft((of, kept) => { if (of === name) takeUpDraft(kept); });
    listen();
  } else onlyShown();
  if (!showVeil(place, name, step, focusOn)) focusOn();
}

/** What was changed before and not sent, where there is something; undoing leads back to what was sent. */
function takeUpDraft(kept) {
  if (!kept?.state || form.inert || isSame(kept.state, readForm(form))) return false;
  writeForm(form, kept.state);
  changed(null);
  return true;
}

/** Something was changed: it is kept, in this browser alone. */
function changed(field) {
  const state = readForm(form);
  history.note(state, field);
  keepDraft(name, { step: step.act, state });
  offerSteps(history);
  forgetUnfinished(form);
}

function focusOn() {
  const field = form.querySelector("input:checked") ?? form.querySelector("textarea:not([hidden]), input");
  (form.inert ? byId("main") : field)?.focus({ preventScroll: true });
}

function onlyShown() {
  form.inert = true;
  form.querySelector("[type=submit]").hidden = true;
  tell(byId("notice"), "This stays as it is: it was changed already, its item was skipped, or it is of a kind that is not changed.");
}

function listen() {
  clock.goOn(name, "correction");
  form.addEventListener("input", (event) => changed(["radio", "checkbox"].includes(event.target.type) ? null : event.target.name));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send();
  });
  for (const way of ["undo", "redo"]) byId(way).addEventListener("click", () => retrace(way));
  listenToKeys({ retrace, form: () => form, own: (key) => act.press?.(form, key) ?? false });
}

/** `way`: "undo" or "redo". */
function retrace(way) {
  if (form.inert) return;
  writeForm(form, history[way]());
  keepDraft(name, { step: step.act, state: readForm(form) });
  offerSteps(history);
}

async function send() {
  if (form.inert) return;
  try {
    const fields = act.read(form, step);
    if (isSame(readForm(form), history.states[0])) throw new Unfinished("Nothing is changed yet.", form.querySelector("input:checked"));
    if (act.words && !(await confirmPersonalData(act.words(form, step), form))) return;
    form.inert = true;
    const turn = step.turn === undefined || step.turn === null ? {} : { turn: step.turn };
    const body = { submission: { act: step.act, ...turn, ...fields }, guidelines_version: guide.version, seconds: Math.min(86_400, clock.seconds) };
    await deliver(prepared({ name, path: `/api/v1/judgements/${judgement}/correct`, body }), tellTrouble);
    done();
  } catch (error) {
    form.inert = false;
    if (error instanceof Unfinished) tellUnfinished(form, error);
    else fail(error);
  }
}

function done() {
  forgetDraft(name);
  clock.end();
  card("Changed", "Both answers stay stored, and the newer one counts.");
}

function card(head, why) {
  const made = copyOf("corrected");
  put(made, "head", head);
  put(made, "why", why);
  slot(made, "work").href = place.dataset.work;
  slot(made, "mine").href = `/studies/${study}/mine`;
  for (const id of ["undo", "redo", "back"]) byId(id).hidden = true; // the card has the way back
  showConversation([]);
  byId("act").replaceChildren(made);
  made.querySelector("a").focus();
}

function tellTrouble(error, wait) {
  const notice = byId("connection");
  notice.hidden = !error;
  if (!error) return;
  const why = error instanceof Refused ? "The server is busy." : "The server cannot be reached.";
  slot(notice, "why").textContent = `${why} What you changed is kept here, and sent as soon as it can be; next try in ${Math.round(wait)} s.`;
}

function fail(error) {
  if (needsLogin(error)) return toLogin();
  if (ANSWERED.includes(error.code)) return card("It was changed before", "In another tab, perhaps. That answer stands, and can be changed in its turn: look for it among your judgements.");
  tell(byId("problem"), inWords(error));
}

for (const button of document.querySelectorAll("[data-open]")) {
  button.addEventListener("click", () => (button.dataset.open === "keys" ? openKeys(form) : openDialog(button.dataset.open)));
}
byId("connection").querySelector("button").addEventListener("click", tryNow);
begin().catch(fail);
