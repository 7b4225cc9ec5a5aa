"""Guidelines: read before the first item, never changed under somebody's hands, and told when they have changed."""

import pytest

from tests.browser.judging import BEFORE, FORM, read_first

WORK = "/studies/pairs/work"


@pytest.fixture
def visitor(visit, site):
    visitor = visit(site.add("worker"))
    visitor.page.goto(WORK)
    return visitor


def shown(page):
    page.wait_for_selector(f"{FORM} .reply")
    return page.locator("#act .reply .text").all_inner_texts()


def judge(page):
    """Judges what is shown; the version that the answer names. Until the next item is there."""
    before = shown(page)
    page.locator("[name=helpfulness]").first.focus()
    page.keyboard.press("2")
    page.keyboard.press("7")
    with page.expect_request("**/submit") as sent:
        page.keyboard.press("Enter")
    page.wait_for_function(
        """before => {
          const texts = [...document.querySelectorAll('#act form:not([inert]) .reply .text')].map(each => each.innerText);
          return texts.length === 2 && JSON.stringify(texts) !== JSON.stringify(before);
        }""",
        arg=before,
    )
    return sent.value.post_data_json["guidelines_version"]


def test_they_are_read_first_and_an_answer_names_the_version_on_the_screen(visitor, site):
    page = visitor.page
    page.locator(f"{BEFORE} .guide", has_text="Two answers, two questions").wait_for()
    read_first(page)
    shown(page)
    site.send("POST", "/studies/pairs/guidelines", {"text": "# Anew\n\nRead *both* to the end."})
    news, dialog = page.locator("#guide-news"), page.locator("dialog#guidelines")
    # Amid an item: it is judged by what stands on the screen.
    assert judge(page) == 1
    news.wait_for(state="visible")
    assert dialog.get_attribute("data-version") == "2"
    assert judge(page) == 2
    assert news.is_visible(), "not read yet"
    page.locator("#main").focus()
    page.keyboard.press("g")
    page.locator("dialog#guidelines[open] .diff-line.came", has_text="Anew").wait_for()
    assert dialog.locator("em", has_text="both").is_visible()
    news.wait_for(state="hidden")
    page.reload()
    shown(page)
    assert news.is_hidden()


def test_without_a_network_the_older_ones_stand_and_are_named(visitor, site):
    page = visitor.page
    visitor.expects("net::ERR_")
    read_first(page)
    shown(page)
    version = int(page.locator("dialog#guidelines").get_attribute("data-version"))
    site.send("POST", "/studies/pairs/guidelines", {"text": "Newer still."})
    page.route("**/guidelines*", lambda route: route.abort())
    assert [judge(page), judge(page)] == [version, version]
