// Texts stand blurred, and hidden from a screen reader, until they are asked for: once for the page.

import { byId } from "../elements.js";

byId("unveil")?.addEventListener("click", () => {
  const texts = [...document.querySelectorAll("[data-veiled]")];
  for (const each of texts) {
    each.classList.remove("veiled");
    each.inert = false;
  }
  byId("veil").remove();
  texts[0]?.setAttribute("tabindex", "-1");
  texts[0]?.focus({ preventScroll: true });
});
