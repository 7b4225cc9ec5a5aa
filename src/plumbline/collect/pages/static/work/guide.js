// Which version of the guidelines stands on the page, and which was read. An item is judged by the version that can be read
// beside it: a newer one comes onto the page between two items, and never while one is in hand.

import { fetchedDocument } from "../documents.js";
import { byId, put } from "../elements.js";
import { keepSetting, readSetting } from "./kept.js";

const PARTS = ["guide-changes", "guide-text", "guide-version"];

export class Guide {
  /** `judged`: the version by which somebody judged here last, as the server knows it; null where they never did. */
  constructor(study, judged) {
    this.study = study;
    this.judged = judged;
    this.told = null;
    this.dialog = byId("guidelines");
    this.dialog.addEventListener("opened", () => this.wasRead());
  }

  /** The version on the page. */
  get version() {
    return Number(this.dialog.dataset.version);
  }

  /** The newest version that was read; null where none was. What was judged by counts as read, on a machine that knows no better. */
  get read() {
    return readSetting(`guidelines:${this.study}`) ?? this.judged;
  }

  /** The version on the page was read. */
  wasRead() {
    keepSetting(`guidelines:${this.study}`, this.version);
    byId("guide-news")?.setAttribute("hidden", "");
  }

  /** The text, to stand elsewhere on the page. */
  copy() {
    return [...byId("guide-text").cloneNode(true).childNodes];
  }

  /** An item comes that is to be judged by this version: it comes onto the page first, and what is new is told. */
  async follow(version) {
    const { read } = this;
    const isTold = read === null || read >= this.version || this.told === this.version;
    if (version <= this.version && isTold) return;
    try {
      await this.takeOver(read);
    } catch { /* what stands there goes on: an answer names the version that can be read beside it */ }
    if (read !== null && read < this.version) this.tellNews(read);
  }

  async takeOver(since) {
    const { responseXML: came } = await fetchedDocument(`/studies/${this.study}/guidelines${since ? `?since=${since}` : ""}`);
    const version = Number(came.querySelector("article[data-version]")?.dataset.version);
    if (!version) return; // another page came, such as the one to log in
    for (const id of PARTS) byId(id).replaceWith(document.adoptNode(came.getElementById(id)));
    this.dialog.dataset.version = String(version);
  }

  tellNews(read) {
    const news = byId("guide-news");
    put(news, "says", `The guidelines have changed: version ${this.version} is in the place of version ${read}.`);
    news.hidden = false;
    this.told = this.version;
  }
}
