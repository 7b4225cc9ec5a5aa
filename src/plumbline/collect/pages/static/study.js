// A study's page: how far one is, and the topics one would rather not see.

import { ask, inWords } from "./api.js";
import { byId, element, plain, tell } from "./elements.js";
import { keepSetting } from "./work/kept.js";
import { readNotes } from "./work/notes.js";
import { standingInWords } from "./work/standing_words.js";
import { sendWaiting } from "./work/waiting.js";

const standing = byId("standing");
const form = byId("preferences");
const path = `/api/v1/studies/${standing.dataset.study}`;

function showTopics({ all, opted_out: optedOut }) {
  const box = form.querySelector("fieldset");
  for (const topic of all) {
    const label = element("label");
    const field = element("input", "", { type: "checkbox", name: "topic", value: topic });
    field.checked = optedOut.includes(topic);
    label.append(field, plain(topic));
    box.append(label);
  }
  form.hidden = all.length === 0;
}

form?.addEventListener("submit", async (event) => {
  event.preventDefault();
  tell(byId("problem"), "");
  try {
    await ask("PUT", `${path}/preferences`, { opted_out: new FormData(form).getAll("topic") });
    byId("kept").textContent = "Saved.";
  } catch (error) {
    tell(byId("problem"), inWords(error));
  }
});

ask("GET", `${path}/standing`).then((told) => {
  standing.textContent = standingInWords(told);
  if (form && told.topics) showTopics(told.topics);
}, () => {});

// They stand on this page: whoever was here has had them before their eyes, and is not told again that they are new.
const guidelines = document.querySelector("[data-guide-version]");
new IntersectionObserver((seen, observer) => {
  if (!seen.some((each) => each.isIntersecting)) return;
  observer.disconnect();
  keepSetting(`guidelines:${standing.dataset.study}`, Number(guidelines.dataset.guideVersion));
}).observe(byId("guide-end"));

readNotes(standing.dataset.study);
sendWaiting(standing.dataset.study);
