"""The warning, the veil, topics, breaks, the end of the day and how people feel; and that nothing on the page jumps."""

import pytest

from tests.browser.served import Served
from tests.browser.typing_alone import Typist

WELLBEING = """warning = "You may read\\nrude words."
blur = true
"""
TRAINING = """[qualification]            # pairs with known answers, before the first conversation
items = "data/known-comparisons.jsonl"
pass_share = 0.75
"""
CHANGES = (
    ("overlap = 1", "overlap = 20"),
    ("turns = 3", "turns = 3\nleast_turns = 1"),
    (TRAINING, ""),
    ('[wellbeing]\nwarning = "', f'[wellbeing]\n{WELLBEING}# "'),
    ("mood_every = 10", "mood_every = 1"),
    ("break_after_minutes = 45", "break_after_minutes = 2\nmost_minutes_a_day = 3"),
)
TOPICS = 4
FEELINGS = "0123401234"
WORKED = """() => {
  const name = `plumbline:${document.querySelector('meta[name=pseudonym]').content}:setting:worked:preference-chat-harmlessness`;
  localStorage.setItem(name, JSON.stringify({ seconds: 2700, at: Date.now() }));
}"""


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    served = Served(tmp_path_factory.mktemp("wellbeing"), "preference-chat-harmlessness", CHANGES)
    yield served
    served.kill()


@pytest.fixture
def typist(browser, served, request):
    typist = Typist(browser, served, **getattr(request, "param", {}))
    yield typist
    typist.close()


def begin(typist, name):
    typist.join(name)
    typist.begin("Chat", read=False)
    typist.see("You may read rude words.")
    typist.read()


def filter_of(typist, selector):
    return typist.page.locator(selector).first.evaluate("each => getComputedStyle(each).filter")


def test_texts_are_hidden_until_they_are_asked_for_and_can_be_skipped_before(typist):
    begin(typist, "Veil")
    typist.see("The text is blurred until you ask for it")
    about = typist.page.locator("[data-slot=about]").inner_text()
    assert about.startswith("This is about: ")
    assert typist.page.locator("#conversation").get_attribute("inert") is not None
    typist.press("5")
    assert typist.page.locator("#act :checked").count() == 0
    assert [filter_of(typist, each) != "none" for each in ("#act", "#act .reply .text")] == [False, True]
    typist.press("n")
    typist.see("Skipped.")
    typist.page.wait_for_function(
        "before => document.querySelector('[data-slot=about]')?.innerText !== before", arg=about
    )
    typist.see("The text is blurred until you ask for it")
    typist.press("s")
    assert typist.page.locator(".texts-veiled").count() == 0
    typist.judge(3)
    typist.see("Turn 2")
    assert typist.page.locator(".texts-veiled").count() == 0  # once an item


def test_topics_are_opted_out_of_by_keyboard_and_the_items_about_them_never_come(typist):
    typist.join("Topics")
    typist.tab_to("About it")
    typist.press("Enter")
    typist.see("Topics you would rather not see")
    out = []
    for _ in range(TOPICS - 1):
        typist.press("Tab")
        while typist.page.evaluate("document.activeElement.name") != "topic":
            typist.press("Tab")
        typist.press("Space")
        out.append(typist.focused)
    typist.tab_to("Save")
    typist.press("Enter")
    typist.see("Saved.")
    typist.page.goto(typist.served.work)
    typist.read()
    typist.see("The text is blurred")
    assert not any(topic in typist.page.locator("[data-slot=about]").inner_text() for topic in out)


def test_how_one_feels_is_asked_between_items_and_so_is_a_break(typist):
    begin(typist, "Mood")
    typist.see("The text is blurred")
    typist.press("s")
    typist.judge(6)
    typist.see("Turn 2")
    typist.page.evaluate(WORKED)
    typist.tab_to("End the chat")
    typist.press("Enter")
    typist.see("The conversation is over")
    typist.page.wait_for_selector("#rest[open]")
    typist.press("Enter", "Control+Enter")
    typist.see("How do you feel right now?")
    typist.press("3", "Enter")
    typist.see("Please say something to each of them")
    with typist.page.expect_request("**/moods") as sent:
        typist.press(*FEELINGS[1:], "Enter")
    felt = sent.value.post_data_json["feelings"]
    assert list(map(str, felt.values())) == ["3", *FEELINGS[1:]]
    assert sent.value.response().json() == {"stored": True}
    typist.see("The text is blurred")


# Movements are held at their beginning as they are made, and stepped through: a busy machine draws few frames of a quarter
# of a second, and may draw none for long.
HOLD_MOVES = """() => {
  window.moves = [];
  const animate = Element.prototype.animate;
  Element.prototype.animate = function (...given) {
    const move = animate.apply(this, given);
    move.pause();
    window.moves.push(move);
    return move;
  };
}"""
PLACES = """shares => shares.map(share => {
  for (const move of window.moves) move.currentTime = share * move.effect.getComputedTiming().endTime;
  return [window.scrollY, ...[...document.querySelectorAll('.message')].map(each => each.getBoundingClientRect().top)];
})"""
SHARES = (0, 0.25, 0.5, 0.75, 1)


def go_on(typist):
    """Judges a turn; how far the page was scrolled and where its messages stood: before, and as the move goes on."""
    typist.see("The text is blurred")
    typist.press("s")
    typist.page.evaluate(HOLD_MOVES)
    before = typist.page.evaluate(PLACES, [0])
    typist.judge(2)
    typist.page.wait_for_selector("textarea[name=text]:focus")
    return *before, *typist.page.evaluate(PLACES, SHARES)


def test_the_reply_that_goes_on_glides_to_its_place_and_nothing_else_moves(typist):
    begin(typist, "Glide")
    before, *places = go_on(typist)
    assert {(scrolled, first) for scrolled, first, _ in places} == {tuple(before)}
    tops = [second for *_, second in places]
    assert tops == sorted(tops, reverse=True)
    assert len(set(tops)) == len(SHARES)


@pytest.mark.parametrize("typist", [{"reduced_motion": "reduce"}], indirect=True)
def test_with_reduced_motion_it_stands_there_at_once(typist):
    begin(typist, "Calm")
    before, *places = go_on(typist)
    assert {(scrolled, first) for scrolled, first, _ in places} == {tuple(before)}
    assert len({second for *_, second in places}) == 1


def test_a_break_is_due_after_so_much_work_and_the_day_is_over_after_more_until_the_next(typist):
    served, page = typist.served, typist.page
    typist.context.add_cookies([served.session()])  # it outlasts the night
    page.clock.install()
    page.goto(served.work)
    typist.read()
    typist.see("The text is blurred")
    typist.press("s")
    for _ in range(2):  # two minutes without a sign of anybody would not count
        typist.press("Shift")
        page.clock.run_for(100_000)
    typist.judge(6)
    page.wait_for_selector("#rest[open]")
    typist.press("Enter")
    page.wait_for_selector("textarea[name=text]:focus")
    page.reload()  # the day is full, and what was begun is there to be finished
    page.wait_for_selector("textarea[name=text]:focus")
    typist.tab_to("End the chat")
    typist.press("Enter")
    typist.see("The conversation is over")
    typist.press("Control+Enter")
    typist.see("You have worked 3 minutes today")
    page.reload()
    typist.see("You have worked 3 minutes today")
    served.set_ahead(86_400)
    try:
        page.reload()
        typist.see("How do you feel right now?")  # what comes before the next item
        assert page.get_by_text("Enough for today").count() == 0
    finally:
        served.set_ahead(0)
