"""Somebody who has a keyboard and no mouse: joins by a link, finds what there is to press by Tab, and chats."""

import json

from tests.browser.judging import BEFORE, FORM
from tests.browser.served import plumbline

PASSWORD = "three quiet words"
MOST_TABS = 60
_FOCUSED = """() => {
  const at = document.activeElement;
  return (at.labels?.[0] ?? at).textContent.trim();
}"""


class Typist:
    """A browser of its own, with whatever `context` says of it. Errors of the page end up in `errors`."""

    def __init__(self, browser, served, **context):
        self.served = served
        self.context = browser.new_context(**context)
        self.context.set_default_timeout(30_000)
        self.page = self.context.new_page()
        self.errors = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", self._note)

    def _note(self, message):
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.errors.append(message.text)

    def close(self):
        self.context.close()
        assert self.errors == []

    def press(self, *keys):
        for key in keys:
            self.page.keyboard.press(key)

    def type(self, text):
        self.page.keyboard.type(text)

    @property
    def focused(self):
        """The text of what has the focus; of a field, its label's."""
        return self.page.evaluate(_FOCUSED)

    def tab_to(self, text):
        """Tab, until something that begins so has the focus."""
        for _ in range(MOST_TABS):
            self.press("Tab")
            if self.focused.startswith(text):
                return
        raise AssertionError(f"no way to {text!r} by Tab")

    def tab_back_to(self, text):
        """The same the other way."""
        for _ in range(MOST_TABS):
            self.press("Shift+Tab")
            if self.focused.startswith(text):
                return
        raise AssertionError(f"no way back to {text!r} by Shift+Tab")

    def see(self, text):
        self.page.get_by_text(text).first.wait_for()

    def join(self, name, role="worker"):
        """From the link of an invitation to the list of studies."""
        invited = json.loads(plumbline("collect", "invite", self.served.folder, "--role", role, "--json"))
        self.page.goto(f"{self.served.url}/join#{invited['link'].partition('#')[2]}")
        self.see("You are invited")
        self.type(name)
        self.press("Tab")
        self.type(PASSWORD)
        self.press("Enter")
        self.page.wait_for_url(f"{self.served.url}/")

    def begin(self, label, *, read=True):
        """From the list of studies to the work; `read`: by what is to be read before the first item."""
        self.tab_to(label)
        self.press("Enter")
        self.page.wait_for_url("**/work?queue=*")
        if read:
            self.read()

    def read(self):
        """Reads what stands before the first item, and begins."""
        self.page.wait_for_selector(f"{BEFORE} h2:focus")
        self.press("Enter")
        self.page.wait_for_selector(BEFORE, state="detached")

    # --- chats ---

    def say(self, text):
        """Writes a turn and sends it; the replies to it, as shown."""
        self.page.wait_for_selector(f"{FORM} textarea[name=text]:focus")
        self.type(text)
        self.press("Control+Enter")
        return self.replies()

    def replies(self):
        """The texts of A and B; asked for first, where they are blurred."""
        self.page.wait_for_selector(f"{FORM} .reply")
        self.unveil()
        return tuple(self.page.locator("#act .reply > .text").all_inner_texts())

    def unveil(self):
        """Asks for the texts, where they are blurred."""
        if self.page.locator("[data-do=unveil]").count():
            self.press("s")

    def messages(self):
        """What stands above, as (who, text)."""
        # All at one moment: one after the other, a message could go between two looks.
        found = self.page.locator("#conversation .message").evaluate_all(
            "all => all.map(one => ['.who', '.text'].map(part => one.querySelector(part).innerText))"
        )
        return [(who, text) for who, text in found]

    def wait_for_no_messages(self):
        """Until the conversation is gone."""
        self.page.locator("#conversation .message").first.wait_for(state="detached")

    def wait_for_messages(self, count):
        """Until so many stand above."""
        self.page.wait_for_function("count => document.querySelectorAll('.message').length >= count", arg=count)

    def judge(self, step):
        """Presses a step and sends it."""
        self.press(str(step), "Enter")
        self.page.wait_for_selector(f"{FORM} .replies", state="detached")
