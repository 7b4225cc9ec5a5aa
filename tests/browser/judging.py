"""Somebody who judges pairs in a browser by keyboard, and what they pressed: held against what is exported."""

from collections import Counter
from contextlib import contextmanager

STEPS = 8
FORM = "#act form:not([inert])"
BEFORE = "#act .before"
"""What stands before somebody's first item: guidelines, and the warning."""


def read_first(page):
    """Goes by what is to be read before the first item, where it stands there."""
    page.wait_for_selector(f"{FORM}, #act > section h2")
    if page.locator(BEFORE).count():
        page.keyboard.press("Enter")
        page.wait_for_selector(BEFORE, state="detached")


@contextmanager
def draft_saved(page, **state):
    """Until the server has a draft that says this: what is filled in within the block, which may be saved bit by bit."""

    def is_it(answer):
        """The last of them."""
        if not answer.url.endswith("/draft") or answer.request.method != "PUT":
            return False
        saved = answer.request.post_data_json["payload"]["state"]
        return answer.ok and all(saved.get(name) == str(value) for name, value in state.items())

    with page.expect_response(is_it):
        yield


@contextmanager
def drafts_held(page):
    """What the page tells the server of a draft waits for the block's end: no answer comes between two things that are chosen."""
    held = []
    page.route("**/draft", lambda route: held.append(route))
    yield
    while held:  # more may come meanwhile
        held.pop(0).continue_()
    page.unroute("**/draft")


class Judge:
    """Somebody in a browser of their own, at the work page of a study of pairs on both axes."""

    def __init__(self, browser, served, session=None, *, script=None):
        self.served = served
        self.context = browser.new_context()
        self.context.set_default_timeout(30_000)
        if script:
            self.context.add_init_script(script)
        self.context.add_cookies([session or served.session()])
        self.pressed = []
        self.page = self.open()

    def open(self):
        """Another tab, with an item before them or the word that there is none."""
        page = self.context.new_page()
        page.on("pageerror", lambda error: self.pressed.append(error))  # it fails the comparison
        page.goto(self.served.work)
        read_first(page)
        page.wait_for_selector(f"{FORM}, #act > section h2")
        return page

    def shown(self, page=None):
        """The texts of A and B."""
        page = page or self.page
        page.wait_for_selector(f"{FORM} .reply")
        return tuple(page.locator("#act .reply .text").all_inner_texts())

    def choose(self, helpfulness, harmlessness, page=None):
        """Presses two steps; what was pressed over which texts."""
        page = page or self.page
        texts = self.shown(page)
        for axis, step in (("helpfulness", helpfulness), ("harmlessness", harmlessness)):
            page.locator(f"[name={axis}]").first.focus()
            page.keyboard.press(str(step))
            words = page.locator(f".step:has([name={axis}]:checked)").inner_text().split()
            assert words[:2] == [str(step), "A" if step <= STEPS // 2 else "B"], "what was pressed is not what it says"
        return texts, {"helpfulness": helpfulness, "harmlessness": harmlessness}

    def judge(self, helpfulness, harmlessness, page=None):
        """Chooses and sends."""
        chosen = self.choose(helpfulness, harmlessness, page)
        self.send(chosen, page)
        return chosen

    def send(self, chosen, page=None):
        """Presses Enter, once, and takes note."""
        (page or self.page).keyboard.press("Enter")
        self.pressed.append(chosen)

    def wait_for_next(self, chosen, page=None):
        """Until another item is shown, or the word that there is none."""
        (page or self.page).wait_for_function(
            """before => {
              const act = document.querySelector('#act');
              if (act.querySelector(':scope > section h2')) return true;
              const texts = [...act.querySelectorAll('form:not([inert]) .reply .text')].map(each => each.innerText);
              return texts.length === 2 && JSON.stringify(texts) !== JSON.stringify(before);
            }""",
            arg=list(chosen[0]),
        )

    def checked(self, page=None):
        """What is chosen in the form now."""
        found = (page or self.page).evaluate(
            "[...document.querySelectorAll('#act :checked')].map(each => [each.name, Number(each.value)])"
        )
        return dict(found)


def pressed_rows(pressed):
    """What was pressed, as comparisons say it: (axis, both texts, the better one, strength), counted."""
    rows = Counter()
    for (first, second), steps in pressed:
        for axis, step in steps.items():
            better, strength = (first, STEPS // 2 + 1 - step) if step <= STEPS // 2 else (second, step - STEPS // 2)
            rows[axis, frozenset((first, second)), better, strength] += 1
    return rows


def exported_rows(served):
    """The same of what is exported."""
    rows = Counter()
    for row in served.exported("parquet"):
        texts = [side[-1]["text"] for side in row["continuations"]]
        better = texts[["first", "second"].index(row["outcome"])]
        rows[row["axis"], frozenset(texts), better, row["strength"]] += 1
    return rows
