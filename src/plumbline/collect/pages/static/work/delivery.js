// An answer is kept first and sent then, again and again until the server has it or refuses it. The key stays the same,
// so that an answer which arrived although its receipt was lost counts once.

import { ask, newKey, NO_REPLIES, passes } from "../api.js";
import { forgetAnswer, forgetDraft, keepAnswer, readAnswer, waitingAnswers } from "./kept.js";

const LONGEST_WAIT_SECONDS = 30;
const ANSWER_SECONDS = 120;
/** How long replies may take, and somewhat more. */
export const DRAW_SECONDS = 360;
const CSRF_CODE = "PL-WEB-015";

/** Codes of answers that came after another to the same question: that one stands. */
export const ANSWERED = ["PL-COL-020", "PL-COL-024", "PL-COL-027", "PL-COL-028", "PL-SUB-002", "PL-SUB-003", "PL-SUB-006"];

/** Whether somebody has to log in again, or did so in another tab. */
export const needsLogin = (error) => error.status === 401 || error.code === CSRF_CODE;

/** Whether the server has read an answer and will never take it; or has taken it, and only the replies to it are missing. */
const isFinal = (error) => NO_REPLIES.includes(error.code) || error.status >= 400 && error.status < 500 && !needsLogin(error) && !passes(error);

const waiting = new Set();

/** Ends every wait: it is tried again now. */
export function tryNow() {
  for (const go of waiting) go();
}

addEventListener("online", tryNow);
document.addEventListener("visibilitychange", () => { if (document.visibilityState === "visible") tryNow(); });

/** Waits so many seconds, or until there is a reason to try at once. */
function pause(seconds) {
  return new Promise((go) => {
    const done = () => { clearTimeout(timer); waiting.delete(done); go(); };
    const timer = setTimeout(done, seconds * 1000);
    waiting.add(done);
  });
}

/** Calls until it goes well or fails for good. `onTrouble(error, seconds)` hears of each wait, `onTrouble(null)` of its end. */
export async function patiently(call, onTrouble = () => {}) {
  for (let tries = 0; ; tries += 1) {
    try {
      const answer = await call();
      if (tries) onTrouble(null);
      return answer;
    } catch (error) {
      if (!passes(error)) {
        if (tries) onTrouble(null);
        throw error;
      }
      const seconds = Math.min(LONGEST_WAIT_SECONDS, Math.max(error.retryAfterSeconds ?? 0, 2 ** Math.min(tries, 5)));
      onTrouble(error, seconds);
      await pause(seconds);
    }
  }
}

/**
 * An answer ready to be sent: with its key. One that is kept already, and says the same, goes again as it is: what it met
 * may have been stored before the trouble came.
 */
export function prepared(answer) {
  const before = readAnswer(answer.name);
  const isSame = before && before.path === answer.path && says(before) === says(answer);
  return isSame ? before : { ...answer, key: newKey() };
}

const says = ({ body: { seconds, ...rest } }) => JSON.stringify(rest);

const secondsFor = ({ path }) => (path.endsWith("/turn") ? DRAW_SECONDS : ANSWER_SECONDS);

/** Sends an answer; what the server says of it. A refusal for good ends the keeping as well. */
export async function deliver(answer, onTrouble) {
  keepAnswer(answer);
  try {
    const told = await patiently(() => ask("POST", answer.path, answer.body, { key: answer.key, seconds: secondsFor(answer) }), onTrouble);
    forgetAnswer(answer);
    return told;
  } catch (error) {
    if (isFinal(error)) forgetAnswer(answer);
    throw error;
  }
}

/** Sends what was answered in a tab that was closed too early: [{told, error}], oldest first. What was taken needs no draft. */
export async function deliverWaiting(onTrouble) {
  const outcomes = [];
  for (const answer of waitingAnswers()) {
    const outcome = {};
    try {
      outcome.told = await deliver(answer, onTrouble);
    } catch (error) {
      if (needsLogin(error)) throw error;
      if (NO_REPLIES.includes(error.code)) outcome.told = {};
      else outcome.error = error;
    }
    if (outcome.told) forgetDraft(answer.name);
    outcomes.push(outcome);
  }
  return outcomes;
}
