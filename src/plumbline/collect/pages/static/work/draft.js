// The draft of one step: at once in this browser, a moment later on the server. Tabs of one browser show the same draft. Of
// two versions that differ (another device), both are shown and whoever made them chooses: neither replaces the other in
// silence.

import { ask, passes } from "../api.js";
import { isEmpty, isSame } from "./form_state.js";
import { forgetDraft, keepDraft, reachSeconds, readDraft, readSeconds } from "./kept.js";

const QUIET_MILLISECONDS = 800;
const RETRY_MILLISECONDS = 10_000;
/** So much reading is told to the server when the page is left, also where nothing was filled in. */
const WORTH_SECONDS = 5;

export class Draft {
  /**
   * `step` names the question, `part` the judgement that it leads to, whose seconds go with the draft; `choose(here, there)` asks which state holds, when two differ; `show(state)` puts one into
   * the form.
   */
  constructor(assignment, { step, part }, { choose, show }) {
    Object.assign(this, { assignment, step, part, choose, show });
    this.base = 0; // the server's version that the state was made over
    this.state = null; // what is filled in; null where nothing was touched
    this.dirty = false; // whether the server lacks it
    this.toldSeconds = 0; // those that the server has
    this.ended = false;
    this.held = false; // whether an answer is under way
    this.timer = 0;
    this.busy = null;
    this.stop = null; // ends the saving that is under way
    this.met = null;
  }

  get path() {
    return `/api/v1/assignments/${this.assignment}/draft`;
  }

  /** Begins with what this browser kept, at once, and then with what the server has. */
  begin() {
    this.mirror(readDraft(this.assignment));
    this.met = this.meet();
    return this.met;
  }

  /** Takes note of what is filled in now. */
  save(state) {
    this.state = state;
    this.dirty = true;
    this.keep();
    this.later(QUIET_MILLISECONDS);
  }

  /** Another tab filled in something: it is shown here as well, and that tab sends it. */
  mirror(kept) {
    if (kept?.step !== this.step || this.ended) return;
    this.base = kept.base;
    this.dirty = kept.dirty;
    if (kept.state && !isSame(kept.state, this.state ?? {})) this.show(kept.state);
    this.state = kept.state;
  }

  /** An answer is sent: until the server has said something of it, it is not sent what became that answer. */
  hold() {
    this.held = true;
    clearTimeout(this.timer);
    this.stop?.abort();
  }

  /** The answer was not taken: the draft is all there is again. */
  release() {
    this.held = false;
    if (this.dirty) this.later(QUIET_MILLISECONDS);
  }

  /** The step is answered: nothing of it is kept any more. */
  end() {
    this.ended = true;
    clearTimeout(this.timer);
    forgetDraft(this.assignment);
  }

  /** Reads the server's version; without an answer, the first saving finds out. */
  async meet() {
    try {
      const { version, payload } = await ask("GET", this.path, undefined, { seconds: 10 });
      await this.reconcile({ version, payload });
    } catch { /* see above */ }
    if (this.dirty) this.later(0);
  }

  /** Saves on the server what it lacks. `leaving`: the page is about to be gone. */
  async push({ leaving = false } = {}) {
    clearTimeout(this.timer);
    const { state, step, part } = this;
    const seconds = readSeconds(this.assignment, part);
    const wasReadOnly = leaving && state === null && seconds - this.toldSeconds >= WORTH_SECONDS;
    if (this.ended || !(this.dirty || wasReadOnly) || ((this.busy || this.held) && !leaving)) return;
    this.stop = new AbortController();
    const body = { version: this.base, payload: { step, state, part, seconds } };
    const saving = ask("PUT", this.path, body, { seconds: 10, keepalive: leaving, stop: this.stop.signal });
    this.busy = saving;
    try {
      this.base = (await saving).version;
      this.toldSeconds = seconds;
      if (isSame(state, this.state)) this.dirty = false;
      this.keep();
    } catch (error) {
      await this.failed(error);
    } finally {
      this.busy = this.stop = null;
    }
    if (this.dirty) this.later(this.wait ?? QUIET_MILLISECONDS);
  }

  async failed(error) {
    this.wait = undefined;
    if (error.code === "PL-COL-022") await this.reconcile(error.stored);
    else if (error.code === "PL-COL-010" && this.base) this.base = 0; // the server was set back to an earlier state
    else if (passes(error) || error.status >= 500) this.wait = RETRY_MILLISECONDS;
    else this.wait = Infinity; // finished or given away meanwhile: sending the answer tells what became of it
  }

  async reconcile({ version, payload }) {
    if (payload?.part === this.part && !this.ended) {
      this.toldSeconds = Number(payload.seconds) || 0;
      reachSeconds(this.assignment, this.part, this.toldSeconds);
    }
    if (version === this.base || this.ended) return;
    this.base = version;
    const there = payload?.step === this.step ? payload.state : null;
    if (there && !isSame(there, this.state ?? {})) await this.settle(there);
    else this.dirty = !there && this.state !== null;
    this.keep();
  }

  async settle(there) {
    const chosen = !this.dirty ? there : isEmpty(there) ? this.state : await this.choose(this.state, there);
    this.dirty = !isSame(chosen, there);
    if (!isSame(chosen, this.state ?? {})) this.show(chosen);
    this.state = chosen;
  }

  keep() {
    if (!this.ended && this.state) keepDraft(this.assignment, { step: this.step, state: this.state, base: this.base, dirty: this.dirty });
  }

  later(milliseconds) {
    clearTimeout(this.timer);
    if (!this.ended && !this.held && Number.isFinite(milliseconds)) this.timer = setTimeout(() => this.met.then(() => this.push()), milliseconds);
  }
}
