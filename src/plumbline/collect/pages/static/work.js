// The work page: an item is asked for, its questions are shown one after the other, answers are sent, and so on.

import { ask, inWords, NO_REPLIES, Refused, toLogin } from "./api.js";
import { ACTS } from "./acts/index.js";
import { Unfinished } from "./acts/unfinished.js";
import { byId, copyOf, slot, tell } from "./elements.js";
import { Clock, inMinutes, partOf } from "./work/clock.js";
import { isCalm, messagesOf } from "./work/conversation.js";
import { chooseVersion, confirmLeaving, confirmPersonalData, openDialog } from "./work/dialogs.js";
import { ANSWERED, deliver, deliverWaiting, DRAW_SECONDS, needsLogin, patiently, prepared, tryNow } from "./work/delivery.js";
import { Draft } from "./work/draft.js";
import { Guide } from "./work/guide.js";
import { History, isEmpty, offerSteps, readForm, writeForm } from "./work/form_state.js";
import { forgetAnswer, forgetOldDrafts, isHeldByPageAlone, onDraft, onTold, readAnswer, tellTabs } from "./work/kept.js";
import { listenToKeys, openKeys } from "./work/keys.js";
import { present, startAnew } from "./work/presenting.js";
import { screen, showWaitingReplies } from "./work/screens.js";
import { showVeil } from "./work/veil.js";
import { Standing } from "./work/standing.js";
import { CORRECTABLE, forgetUnfinished, tellDelivered, tellSent, tellUnfinished } from "./work/told.js";

const place = byId("work");
const HEARTBEAT_MILLISECONDS = 60_000;

/** What is in hand: {assignment, fence, guidelines, step, form, act, draft, history}; null between items. */
let hand = null;
const clock = new Clock((seconds) => { byId("clock").textContent = hand ? `${inMinutes(seconds)} on this item` : ""; });
const guide = new Guide(place.dataset.study, Number(place.dataset.judgedVersion) || null);
const standing = new Standing(place.dataset, clock, guide);

// --- items ---

/** The next item, or why there is none. */
async function next() {
  putDown();
  let wait;
  try {
    if (await standing.holdsBack()) return;
    wait = setTimeout(() => screen("waiting"), 250);
    const work = await patiently(() => ask("POST", place.dataset.next, {}), tellTrouble);
    clearTimeout(wait);
    if (work.assignment === null) return await standing.nothingLeft(work, next);
    await takeUp(work, work.step);
  } catch (error) {
    await fail(error);
  } finally {
    clearTimeout(wait);
  }
}

/** Takes an item in hand, to be judged by the guidelines that stand on the page. */
async function takeUp(work, step) {
  await guide.follow(work.guidelines_version);
  hand = { assignment: work.assignment, fence: work.fence, guidelines: guide.version };
  byId("skip").disabled = work.queue === "training";
  standing.tellNote();
  startAnew();
  await show(step);
}

function putDown() {
  hand?.draft?.push();
  hand = null;
  clock.stop();
  byId("skip").disabled = true;
  offerSteps(null);
  tell(byId("lost"), "");
  tell(byId("problem"), "");
}

// --- steps ---

/** Shows what is asked now. */
async function show(step) {
  if (step.state === "finished") {
    standing.finished();
    return next();
  }
  if (step.state === "draw") {
    const { assignment } = hand;
    showWaitingReplies();
    const told = await patiently(() => ask("POST", `/api/v1/assignments/${assignment}/step`, undefined, { seconds: DRAW_SECONDS }), tellTrouble);
    if (hand?.assignment !== assignment) return;
    hand.fence = told.fence;
    return show(told.step);
  }
  if (step.state === "left") return;
  const act = ACTS[step.act];
  hand.step = step;
  hand.act = act;
  const form = copyOf(act.template);
  act.fill(form, step);
  hand.form = form;
  hand.history = new History(readForm(form));
  const part = partOf(step);
  clock.goOn(hand.assignment, part);
  const draft = hand.draft = new Draft(hand.assignment, { step: `${step.act}-${step.turn ?? 0}`, part }, {
    choose: (here, there) => chooseVersion(form, here, there),
    show: (state) => showState(form, state),
  });
  offerSteps(hand.history);
  present(messagesOf(step), form);
  listen(form, act, step);
  draft.begin();
  if (!showVeil(place, hand.assignment, step, () => focusOn(form))) focusOn(form);
  standing.suggestBreak();
}

/** What was filled in elsewhere, or earlier, comes into the form. Before anything was changed here, it is the beginning. */
function showState(form, state) {
  writeForm(form, state);
  if (hand?.form !== form) return;
  if (hand.history.canUndo) hand.history.note(readForm(form));
  else hand.history = new History(readForm(form));
  offerSteps(hand.history);
}

function focusOn(form) {
  const first = form.querySelector("[data-focus]") ?? form.querySelector("textarea:not([hidden]), input");
  const chosen = first?.type === "radio" && [...form.elements].find((field) => field.name === first.name && field.checked);
  (chosen || first || byId("main")).focus({ preventScroll: true });
  if (hand.step.turn > 1 || hand.step.conversation?.length > 2) form.scrollIntoView({ block: "nearest", behavior: isCalm() ? "auto" : "smooth" });
}

function listen(form, act, step) {
  form.addEventListener("input", (event) => {
    const state = readForm(form);
    hand.history.note(state, ["radio", "checkbox"].includes(event.target.type) ? null : event.target.name);
    hand.draft.save(state);
    offerSteps(hand.history);
    byId("storage").hidden = !isHeldByPageAlone();
    forgetUnfinished(form);
  });
  form.addEventListener("focusin", ({ target }) => { if (target.matches("textarea, input")) form.lastField = target; });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const other = event.submitter?.dataset.act;
    answer(form, other ? ACTS[other] : act, step, other ?? step.act, event.submitter);
  });
}

/** Sends what the form says. */
async function answer(form, act, step, name, pressed) {
  if (form.inert) return;
  const asked = hand;
  try {
    const fields = act.read(form, step, pressed);
    if (act.words && !(await confirmPersonalData(act.words(form, step), form))) return;
    form.inert = true;
    act.meanwhile?.(form, step);
    const told = await sent(message(asked, name, step, fields));
    if (hand === asked) await show(told);
  } catch (error) {
    form.inert = false;
    if (error instanceof Unfinished) tellUnfinished(form, error);
    else {
      if (act.meanwhile && !NO_REPLIES.includes(error.code)) present(messagesOf(step), form);
      await fail(error);
      if (hand?.form === form && form.isConnected) focusOn(form);
    }
  }
}

/** The answer as it is kept and sent; see `deliver`. */
function message({ assignment, fence, guidelines }, act, step, fields) {
  const base = `/api/v1/assignments/${assignment}`;
  const turn = step.turn === undefined || step.turn === null ? {} : { turn: step.turn };
  const about = { name: String(assignment), assignment, act };
  if (act === "say") return prepared({ ...about, path: `${base}/turn`, body: { fence, ...turn, ...fields } });
  const submission = { act, ...turn, ...fields };
  const body = { fence, submission, guidelines_version: guidelines, seconds: Math.min(86_400, clock.seconds) };
  return prepared({ ...about, path: `${base}/submit`, body });
}

/** Delivers an answer; the step that comes after it. */
async function sent(kept) {
  const { draft } = hand;
  draft.hold();
  let told;
  try {
    told = await deliver(kept, tellTrouble);
  } catch (error) {
    draft.release();
    throw error;
  }
  draft.end();
  byId("storage").hidden = !isHeldByPageAlone();
  tellTabs({ answered: kept.assignment });
  if (told.outcome === "declined") {
    location.assign(`/studies/${place.dataset.study}`);
    return { state: "left" };
  }
  if (told.outcome === "late") startAnew();
  tell(byId("notice"), told.outcome === "late" ? LATE : "");
  tellSent(CORRECTABLE.includes(kept.act) ? told.judgements?.[0] : null, place.dataset.study);
  if (told.fence && hand) hand.fence = told.fence;
  if (kept.path.endsWith("/submit")) clock.end();
  return told.outcome === "late" ? { state: "finished" } : told.step;
}

// --- trouble ---

const LATE = "This came after the item had gone to somebody else. It is kept, but does not count.";
const GONE = ["PL-COL-021", "PL-COL-029", "PL-COL-010"];
const AFTER_LOGIN_MILLISECONDS = 10_000;

function tellTrouble(error, seconds) {
  const notice = byId("connection");
  notice.hidden = !error;
  if (!error) return;
  const why = error instanceof Refused ? "The server is busy." : "The server cannot be reached.";
  slot(notice, "why").textContent = `${why} What you filled in is kept here, and sent as soon as it can be; next try in ${Math.round(seconds)} s.`;
}

async function fail(error) {
  if (needsLogin(error)) return enterAgain(error);
  if (error.code === "PL-COL-030") return screen("paused", { why: "Whoever runs it will open it again. What you have in hand can still be sent.", again: next });
  if (GONE.includes(error.code) && hand) {
    startAnew();
    tell(byId("notice"), "This item is no longer yours: its time was over, or it was taken back. Here is the next one.");
    hand.draft?.end();
    return next();
  }
  if (ANSWERED.includes(error.code) && hand) {
    tell(byId("notice"), "This was answered before, in another tab perhaps: that answer stands, and you can change it among your judgements. Here is what is asked now.");
    hand.draft?.end();
    return show({ state: "draw" });
  }
  if (NO_REPLIES.includes(error.code) && hand) {
    hand.draft?.end();
    const why = error.code === NO_REPLIES[0] ? "The model did not answer in time; in a moment it may." : "The model cannot answer at the moment. If it stays so, tell whoever runs the study.";
    return screen("no-replies", { why, again: () => show({ state: "draw" }).catch(fail) });
  }
  tell(byId("problem"), inWords(error));
  byId("problem").scrollIntoView({ block: "nearest" });
  if (!hand?.form?.isConnected) screen("trouble", { why: inWords(error), again: hand ? () => show({ state: "draw" }).catch(fail) : next });
}

/** The session is over, or another one began in another tab: the page begins anew with the one that holds. */
function enterAgain(error) {
  if (error.status === 401) return toLogin();
  try {
    const last = Number(sessionStorage.getItem("entered") ?? 0);
    sessionStorage.setItem("entered", String(Date.now()));
    if (Date.now() - last > AFTER_LOGIN_MILLISECONDS) return location.reload();
  } catch { /* without storage nobody knows whether it was tried just now */ }
  toLogin();
}

// --- buttons, keys, tabs ---

async function skip() {
  const { assignment, fence, step, form } = hand;
  if (!(await confirmLeaving({ begun: isBegun(step), filledIn: Boolean(form) && !isEmpty(readForm(form)) }))) return form?.lastField?.focus({ preventScroll: true });
  try {
    await patiently(() => ask("POST", `/api/v1/assignments/${assignment}/release`, { fence }), tellTrouble);
    hand.draft?.end();
    clock.end();
    const unsent = readAnswer(String(assignment));
    if (unsent) forgetAnswer(unsent);
    tellSent(null);
    startAnew();
    tell(byId("notice"), "Skipped. That does not count against you.");
    await next();
  } catch (error) {
    await fail(error);
  }
}

/** Whether turns of a conversation were judged, which giving it back leaves out. */
const isBegun = ({ turn, act } = {}) => turn > 1 || act === "close" || act === "rate-self";

/** `way`: "undo" or "redo". */
function retrace(way) {
  if (!hand?.history || hand.form.inert) return;
  writeForm(hand.form, hand.history[way]());
  hand.draft.save(readForm(hand.form));
  offerSteps(hand.history);
}

async function heartbeat() {
  if (!hand || hand.lost || !clock.awake || hand.form?.inert) return;
  const asked = hand;
  try {
    await ask("POST", `/api/v1/assignments/${asked.assignment}/extend`, { fence: asked.fence });
  } catch (error) {
    if (hand !== asked || asked.form?.inert) return;
    asked.lost = GONE.includes(error.code);
    // What is being filled in is left alone: it may still be sent.
    if (asked.lost) tell(byId("lost"), "The time for this item was over, and it has gone to somebody else. You can still send your answer: it is kept, but does not count. Or skip it.");
    else if (needsLogin(error)) tell(byId("lost"), "You are logged out. What you filled in is kept here: send it, log in, and it goes on.");
  }
}

byId("skip").addEventListener("click", skip);
byId("rest").addEventListener("opened", ({ target }) => {
  slot(target, "held").hidden = !hand;
  slot(target, "free").hidden = Boolean(hand);
});
for (const way of ["undo", "redo"]) byId(way).addEventListener("click", () => retrace(way));
const shownForm = () => hand?.form ?? byId("act").querySelector("form");
for (const button of document.querySelectorAll("[data-open]")) {
  button.addEventListener("click", () => (button.dataset.open === "keys" ? openKeys(shownForm()) : openDialog(button.dataset.open)));
}
byId("connection").querySelector("button").addEventListener("click", tryNow);
listenToKeys({ retrace, form: shownForm, own: (key) => hand?.act.press?.(hand.form, key) ?? false });
setInterval(heartbeat, HEARTBEAT_MILLISECONDS);
addEventListener("pagehide", () => hand?.draft?.push({ leaving: true }));
onTold(({ answered }) => {
  if (hand && hand.assignment === answered && !hand.form?.inert) {
    hand.draft?.end();
    tell(byId("notice"), "This was answered in another tab. Here is what is asked now.");
    show({ state: "draw" }).catch(fail);
  }
});
onDraft((assignment, kept) => {
  if (hand && String(hand.assignment) === assignment && !hand.form?.inert) hand.draft?.mirror(kept);
});

/** What was answered in a tab that was closed too early goes first. */
async function begin() {
  forgetOldDrafts();
  tellDelivered(await deliverWaiting(tellTrouble), place.dataset.study);
  await standing.begin(next);
}

begin().catch(fail);
