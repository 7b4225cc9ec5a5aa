// How this person stands in the study: progress, whether a mood survey or a break is due, whether the day or a visit is full.

import { ask } from "../api.js";
import { byId, put, putParagraphs, slot } from "../elements.js";
import { Breaks } from "./breaks.js";
import { copyText } from "./copying.js";
import { openDialog } from "./dialogs.js";
import { keepSetting, readSetting } from "./kept.js";
import { moodSurvey } from "./mood.js";
import { tellNote } from "./notes.js";
import { screen } from "./screens.js";
import { progressOf } from "./standing_words.js";

export class Standing {
  constructor({ study, queue, breakAfter }, clock, guide) {
    this.guide = guide;
    this.study = study;
    this.queue = queue;
    this.breaks = new Breaks(study, Number(breakAfter));
    clock.onSecond = () => this.breaks.tick();
    this.told = null;
    this.isStale = true;
  }

  /** First the warning and the guidelines, those of them that were not read yet. */
  begin(next) {
    const warning = slot(byId("screen-before").content, "warning").textContent;
    const warns = warning && readSetting(`warning:${this.study}`) !== warning;
    const guides = this.guide.read === null;
    if (!warns && !guides) return next();
    const begin = () => {
      if (warns) keepSetting(`warning:${this.study}`, warning);
      if (guides) this.guide.wasRead();
      return next();
    };
    const made = screen("before", { begin });
    if (warns) putParagraphs(made, "warning", warning);
    else slot(made, "warning").remove();
    if (guides) slot(made, "guide").append(...this.guide.copy());
    else slot(made, "guide").remove();
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

  /** Between two items: that a note on their writing waits for them. */
  tellNote() {
    tellNote(this.study, this.told?.newest_note_at ?? null);
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
    if (this.told.enough_today) {
      screen("enough", { minutes: String(this.told.minutes_today) });
      return true;
    }
    if (this.told.mood_due) {
      this.told.mood_due = false;
      await moodSurvey(this.study, this.told);
    }
    // Nobody has an item in hand, whose lease would run, while they rest.
    await this.suggestBreak();
    return false;
  }

  /** A break is suggested where one is due; between two questions, never in the middle of one. */
  async suggestBreak() {
    const minutes = Math.round(this.breaks.worked / 60);
    if (!this.breaks.isDue()) return;
    const dialog = openDialog("rest");
    put(dialog, "minutes", minutes === 1 ? "a minute" : `${minutes} minutes`);
    slot(dialog, "why").hidden = false;
    await new Promise((rested) => dialog.addEventListener("close", rested, { once: true }));
    slot(dialog, "why").hidden = true;
  }

  /** There is no item: whether for good, and what is left to others alone. */
  async nothingLeft({ over, left = [] }, again) {
    await this.read();
    if (this.told?.completion) return this.complete(true);
    const made = screen(over ? "over" : "nothing", { again: () => { this.isStale = true; return again(); } });
    if (!over) for (const why of left.length ? ["left", ...left, ...left.slice(1).map(() => "both")] : ["done"]) slot(made, why).hidden = false;
    return made;
  }

  /** The code for who came from a platform: once by itself, and wherever there is nothing more. Whether it is shown. */
  complete(always = false) {
    const { code, url } = this.told.completion;
    const name = `complete:${this.study}`;
    if (!always && readSetting(name) === code) return false;
    keepSetting(name, code);
    const made = screen("complete", { code });
    made.querySelector("[data-do=copy]").addEventListener("click", () => copyText(slot(made, "code"), slot(made, "copied")));
    const back = slot(made, "back");
    if (url) back.href = url;
    // Of MTurk: the code goes into the form that waits in the HIT.
    back.hidden = !url;
    slot(made, "bring").hidden = Boolean(url);
    (url ? back : slot(made, "code")).focus();
    return true;
  }
}
