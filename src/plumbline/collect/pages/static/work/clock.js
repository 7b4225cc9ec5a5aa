// How long somebody has looked at an item: only while the page is seen and something was done in the last two minutes.

const IDLE_MILLISECONDS = 120_000;

export class Clock {
  constructor(show) {
    this.show = show;
    this.seconds = 0;
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

  /** From zero. */
  restart() {
    this.seconds = 0;
    this.show(0);
  }

  tick() {
    if (!this.awake) return;
    this.seconds += 1;
    this.onSecond?.();
    this.show(this.seconds);
  }
}

export const inMinutes = (seconds) => `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
