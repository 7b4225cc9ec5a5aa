// Texts stand blurred, and hidden from a screen reader, until they are asked for: once for the page.

import { onPress } from "../elements.js";

const button = document.getElementById("unveil");
if (button) {
  onPress(button, async () => {
    for (const each of document.querySelectorAll("[data-veiled]")) {
      each.classList.remove("veiled");
      each.inert = false;
    }
    const first = document.querySelector("[data-veiled]");
    document.getElementById("veil").remove();
    first?.setAttribute("tabindex", "-1");
    first?.focus({ preventScroll: true });
  });
}
