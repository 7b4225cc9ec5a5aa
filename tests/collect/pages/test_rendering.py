"""Hostile values stand in a page as text; a value that is missing is an error."""

from dataclasses import dataclass
from typing import ClassVar

import pytest
from jinja2 import UndefinedError

from plumbline.collect.pages.contexts.frame import Crumb, Frame, Visitor
from plumbline.collect.pages.contexts.problem import ProblemPage
from plumbline.collect.pages.contexts.work import HomePage, QueueCard, StudyCard
from plumbline.collect.pages.guide import guide_html
from plumbline.collect.pages.rendering import render
from tests.collect.pages.parsing import elements, texts

HOSTILE = [
    "<script>alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>",
    "{{ 7*7 }}",
    "]]>",
    "&lt;b&gt;",
    "\u202eabc",
]


def framed(**values):
    return Frame("a title", "/static/abc", **values)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_values_are_text(hostile):
    visitor = Visitor("abcdefghij", hostile, "worker", False)
    frame = framed(csrf_token=hostile, visitor=visitor, crumbs=(Crumb(hostile, f"/{hostile}"), Crumb(hostile)))
    page = render(ProblemPage(frame, 404, hostile, hostile, hostile, hostile, hostile))
    assert sorted(set(elements(page))) == sorted(
        set(
            elements(
                render(
                    ProblemPage(
                        framed(
                            csrf_token="x",
                            visitor=Visitor("a", "x", "worker", False),
                            crumbs=(Crumb("x", "/x"), Crumb("x")),
                        ),
                        404,
                        "x",
                        "x",
                        "x",
                        "x",
                        "x",
                    )
                )
            )
        )
    )
    assert " ".join(texts(page)).count(hostile) == 8


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_values_of_a_study_are_text(hostile):
    card = StudyCard(
        hostile, hostile, hostile, hostile, "/x", (QueueCard("work", hostile, hostile, "/x", 3),), None, False
    )
    page = render(HomePage(framed(), (card,)))
    assert "onerror" not in " ".join(name for _, names in elements(page, with_names=True) for name in names)
    assert " ".join(texts(page)).count(hostile) == 5


def test_a_value_that_is_missing_is_an_error():
    @dataclass(frozen=True)
    class Half:
        template: ClassVar[str] = "problem.html"
        frame: Frame

    with pytest.raises(UndefinedError):
        render(Half(framed()))


def test_guidelines_take_no_markup_and_no_pictures():
    text = "# Head\n\n<script>alert(1)</script>\n\n[x](javascript:alert(1)) [y](https://example.org) ![z](https://example.org/p.png)\n\n| a |\n|---|\n| b |"
    page = guide_html(text)
    assert set(elements(page)) == {"h2", "p", "a", "table", "thead", "tbody", "tr", "th", "td"}
    assert "<script>" in " ".join(texts(page))
    links = [dict(names) for name, names in elements(page, with_values=True) if name == "a"]
    assert [each["href"] for each in links] == ["https://example.org", "https://example.org/p.png"]
    assert {each["rel"] for each in links} == {"noopener noreferrer"}


def test_a_problem_page_says_what_to_do():
    page = render(ProblemPage(framed(), 404, "There is no such page", "it is gone", "go home", "PL-WEB-012", "r-1"))
    told = " ".join(texts(page))
    assert "go home" in told
    assert "PL-WEB-012" in told
