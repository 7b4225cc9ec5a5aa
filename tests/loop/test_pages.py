"""Whether pages can be drawn, and the moment that stands on them."""

import re

import pytest

from plumbline.loop import pages


@pytest.mark.parametrize("missing", ["matplotlib", "jinja2"])
def test_pages_need_both_libraries(monkeypatch, missing):
    assert pages.can_draw()
    monkeypatch.setattr(pages, "find_spec", lambda name: None if name == missing else object())
    assert not pages.can_draw()


def test_a_moment_is_in_utc_and_says_so():
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", pages.moment_shown())
