// When a break is due: so much work without a pause. It counts on over pages and items; five quiet minutes are a pause.

import { keepSetting, readSetting } from "./kept.js";

const PAUSE_MILLISECONDS = 5 * 60_000;
const KEPT_EVERY_SECONDS = 10;

export class Breaks {
  /** `minutes` of work until a break is due; 0 for never. */
  constructor(study, minutes) {
    this.name = `worked:${study}`;
    this.mostSeconds = minutes * 60;
    this.seconds = 0;
  }

  /** One more second of work. */
  tick() {
    if (!this.mostSeconds) return;
    this.seconds += 1;
    if (this.seconds % KEPT_EVERY_SECONDS === 0) this.keep(this.worked + KEPT_EVERY_SECONDS);
  }

  /** Whether it is time, and then not again before as much was worked once more. */
  isDue() {
    if (!this.mostSeconds || this.worked < this.mostSeconds) return false;
    this.keep(0);
    return true;
  }

  /** Seconds since the last pause. */
  get worked() {
    const kept = readSetting(this.name);
    return kept && Date.now() - kept.at < PAUSE_MILLISECONDS ? kept.seconds : 0;
  }

  keep(seconds) {
    keepSetting(this.name, { seconds, at: Date.now() });
  }
}
