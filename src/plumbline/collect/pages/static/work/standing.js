// How this person stands in the study: progress, whether a mood survey or a break is due, whether the day or a visit is full.

import { ask } from "../api.js";
import { byId, putParagraphs, slot } from "../elements.js";
import { Breaks } from "./breaks.js";
import { openDialog } from "./dialogs.js";
import { keepSetting, readSetting } from "./kept.js";
import { moodSurvey } from "./mood.js";
import { screen } from "./screens.js";
import { progressOf } from "./standing_words.js";

export class Standing {
  constructor({ study, queue, breakAfter }, clock) {
    this.study = study;
    this.queue = queue;
    this.breaks = new Breaks(study, Number(breakAfter));
    clock.onSecond = () => this.breaks.tick();
    this.told = null;
    this.isStale = true;
  }

  /** The warning first, where there is one that was not read yet. */
  begin(next) {
    const warning = slot(byId("screen-warning").content, "warning").textContent;
    if (!warning || readSetting(`warning:${this.study}`) === warning) return next();
    const made = screen("warning", { begin: () => { keepSetting(`warning:${this.study}`, warning); return next(); } });
    putParagraphs(made, "warning", warning);
  }

  /** Reads it anew; without an answer the work goes on. */
  async read() {
    try {
      this.told = await ask("GET", `/api/v1/studies/${this.study}/standing`, undefined, { seconds: 5 });
      this.isStale = false;
    } catch (error) {
      if (error.status === 401) throw error;
    }
    if (this.told) byId("progress").textContent = progressOf(this.told, this.queue);
  }

  /** An item is done. */
  finished() {
    this.isStale = true;
  }

  /** Whether something comes in the place of the next item. What only comes before it, a survey or a break, goes on by itself. */
  async holdsBack() {
    if (this.isStale) await this.read();
    if (!this.told) return false;
    if (this.told.completion && this.complete()) return true;
    const most = this.told.wellbeing?.most_minutes_a_day;
    if (most && this.told.minutes_today >= most) {
      screen("enough", { minutes: String(this.told.minutes_today) });
      return true;
    }
    if (this.told.mood_due) {
      this.told.mood_due = false;
      await moodSurvey(this.study, this.told);
    }
    this.suggestBreak();
    return false;
  }

  /** A break is suggested where one is due; between two questions, never in the middle of one. */
  suggestBreak() {
    if (this.breaks.isDue()) openDialog("rest");
  }

  /** There is no item: whether for good. */
  async nothingLeft(over, again) {
    await this.read();
    if (this.told?.completion) return this.complete(true);
    return screen(over ? "over" : "nothing", { again: () => { this.isStale = true; return again(); } });
  }

  /** The code for who came from a platform: once by itself, and wherever there is nothing more. Whether it is shown. */
  complete(always = false) {
    const { code, url } = this.told.completion;
    const name = `complete:${this.study}`;
    if (!always && readSetting(name) === code) return false;
    keepSetting(name, code);
    const back = slot(screen("complete", { code }), "back");
    back.href = url;
    back.focus();
    return true;
  }
}
