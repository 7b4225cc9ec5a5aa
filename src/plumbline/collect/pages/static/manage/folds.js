// Sections that can be folded: which are open stands in the address, so that a link and a reload show the same. On paper all
// of them are open.

/** Keeps the address of the page at what is open within an element. */
export function keepFolds(root) {
  const all = () => [...root.querySelectorAll("details[data-section]")];
  const opened = () => all().filter((each) => each.open).map((each) => each.dataset.section).join(",");
  let known = opened(), printed = [];

  root.addEventListener("toggle", (event) => {
    // Browsers tell of what was open from the beginning, too.
    if (!event.target.dataset.section || printed.length || opened() === known) return;
    known = opened();
    const address = new URL(location.href);
    address.searchParams.set("open", known);
    // Commas may stand in an address as they are.
    history.replaceState(history.state, "", address.href.replaceAll("%2C", ","));
  }, { capture: true });

  addEventListener("beforeprint", () => {
    printed = all().filter((each) => !each.open);
    for (const each of printed) each.open = true;
  });
  addEventListener("afterprint", () => {
    for (const each of printed) each.open = false;
    setTimeout(() => { printed = []; });
  });
}
