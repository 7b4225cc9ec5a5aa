"""Nothing jumps: on a slow network, what comes late comes to a place that was kept for it."""

import pytest

from tests.browser.judging import FORM, draft_saved, read_first

SLOW_MILLISECONDS = 600
"""Longer than the half second in which a browser takes a movement for the answer to somebody's press."""
MOST = 0.01
"""The sum of layout shifts without input, by the browser's own measure; 0.1 is what is called good."""
LOG_SHIFTS = """
window.shifts = [];
new PerformanceObserver((list) => {
  for (const each of list.getEntries()) {
    const what = each.sources.map(({ node }) => node?.id || node?.className || node?.nodeName).join(", ");
    if (!each.hadRecentInput) window.shifts.push([each.value, what]);
  }
}).observe({ type: "layout-shift", buffered: true });
"""


@pytest.fixture
def page(visit, site):
    """Somebody far away, whose pages say what moved."""
    visitor = visit(site.add("worker"), viewport={"width": 400, "height": 800})
    visitor.context.add_init_script(LOG_SHIFTS)
    wire = visitor.context.new_cdp_session(visitor.page)
    wire.send("Network.enable")
    speed = {"latency": SLOW_MILLISECONDS, "downloadThroughput": -1, "uploadThroughput": -1}
    wire.send("Network.emulateNetworkConditions", {"offline": False, **speed})
    return visitor.page


def assert_steady(page):
    """Nothing has moved by itself since the page was opened; after its last frame was drawn."""
    page.wait_for_load_state("networkidle")
    page.evaluate("() => new Promise((go) => requestAnimationFrame(() => setTimeout(go, 50)))")
    shifts = page.evaluate("window.shifts")
    assert sum(value for value, _ in shifts) < MOST, (page.url, shifts)


@pytest.mark.parametrize(
    "study",
    [
        "two-axis-ranking",  # which has the longest of forms
        # Each page is waited for over the slow network: their forms are of the same parts.
        *(pytest.param(name, marks=pytest.mark.thorough) for name in ("pairs", "safety-labels")),
    ],
)
def test_pages_and_first_items(page, study):
    for path in ("/", f"/studies/{study}"):
        page.goto(path)
        assert_steady(page)
    page.goto(f"/studies/{study}/work")
    read_first(page)
    page.wait_for_selector(FORM)
    assert_steady(page)


@pytest.mark.thorough  # the pages and a first item stay by default; a conversation is of the same parts
def test_a_conversation_and_what_was_filled_in_before(page):
    page.goto("/studies/preference-chat/work")
    read_first(page)
    page.fill(f"{FORM} textarea[name=text]", "Hello")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector(f"{FORM} .reply .text")
    page.locator(".edit summary").first.click()
    with draft_saved(page, edit_A="Mine"):
        page.fill("textarea[name=edit_A]", "Mine")
    assert_steady(page)
    page.evaluate("localStorage.removeItem(Object.keys(localStorage).find((name) => name.includes(':draft:')))")
    page.reload()
    page.wait_for_selector("summary:has-text('(changed)') >> visible=true")
    assert_steady(page)
