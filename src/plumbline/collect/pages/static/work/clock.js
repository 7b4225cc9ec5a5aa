// How long somebody had a question in front of them: only while the page is seen and something was done in the last two
// minutes. What was counted is kept second by second, so that a reload, another tab or another device goes on from there.

import { forgetSeconds, reachSeconds, readSeconds } from "./kept.js";

const IDLE_MILLISECONDS = 120_000;

export class Clock {
  constructor(show) {
    this.show = show;
    this.counted = 0;
    this.part = null; // of which item, which judgement is awaited: null where nothing is asked
    this.lastSign = performance.now();
    for (const sign of ["pointermove", "pointerdown", "keydown", "wheel", "touchstart", "scroll"]) {
      addEventListener(sign, () => { this.lastSign = performance.now(); }, { passive: true, capture: true });
    }
    setInterval(() => this.tick(), 1000);
  }

  /** Whether somebody is there. */
  get awake() {
    return document.visibilityState === "visible" && performance.now() - this.lastSign < IDLE_MILLISECONDS;
  }

  /** Of what is asked now; two tabs that count the same do not count it twice. */
  get seconds() {
    return this.part === null ? 0 : Math.max(this.counted, readSeconds(this.assignment, this.part));
  }

  /** Counts for this part of an item from now on, beginning at what was counted of it before. */
  goOn(assignment, part) {
    if (this.assignment === assignment && this.part === part) return;
    Object.assign(this, { assignment, part, counted: 0 });
    this.show(this.seconds);
  }

  /** Nothing is asked now; what was counted stays kept. */
  stop() {
    this.part = null;
    this.show(0);
  }

  /** The part is answered, or given back. */
  end() {
    if (this.part !== null) forgetSeconds(this.assignment);
    this.stop();
  }

  tick() {
    if (!this.awake) return;
    this.onSecond?.();
    if (this.part === null) return;
    this.counted = Math.max(this.counted + 1, readSeconds(this.assignment, this.part));
    reachSeconds(this.assignment, this.part, this.counted);
    this.show(this.counted);
  }
}

/** The judgement that a step leads to: what is said in a turn and how its replies are judged is one. */
export const partOf = ({ act, turn }) => (turn ? `turn-${turn}` : act);

export const inMinutes = (seconds) => `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
