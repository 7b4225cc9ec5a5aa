"""What looks like somebody's personal data, by made-up examples; and that no text, however hostile, holds the page up."""

import json
from pathlib import Path

import pytest

from plumbline.collect.pages.static_files import static_files

EXAMPLES = json.loads(Path(__file__).with_name("personal_data.json").read_text())
LENGTH = 100_000
MODULE = static_files().by_name["work/personal_data.js"].content.decode()
WORKER = """
import { kindsOfPersonalData } from "/it.js";
onmessage = ({ data }) => { kindsOfPersonalData(data); postMessage("read"); };
"""
READ_APART = """([text, seconds]) => new Promise((say) => {
  const apart = new Worker("/worker.js", { type: "module" });
  const end = (said) => { apart.terminate(); say(said); };
  apart.onmessage = ({ data }) => end(data);
  setTimeout(() => end("still at it"), seconds * 1000);
  apart.postMessage(text);
})"""
PATIENCE_SECONDS = 20
SITE = "http://plumbline.test/"


@pytest.fixture(scope="module")
def page(browser):
    """A page that has the module, and nothing else."""
    context = browser.new_context()
    page = context.new_page()
    page.route(f"{SITE}*", lambda route: route.fulfill(body="<!doctype html>", content_type="text/html"))
    page.route(f"{SITE}it.js", lambda route: route.fulfill(body=MODULE, content_type="text/javascript"))
    page.route(f"{SITE}worker.js", lambda route: route.fulfill(body=WORKER, content_type="text/javascript"))
    page.goto(SITE)
    page.evaluate("async () => { window.kinds = (await import('/it.js')).kindsOfPersonalData; }")
    yield page
    context.close()


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in EXAMPLES["is"].items() for text in texts])
def test_it_is_seen(page, kind, text):
    assert kind in page.evaluate("text => kinds(text)", text)


@pytest.mark.parametrize("text", EXAMPLES["is not"])
def test_what_is_none_is_let_through(page, text):
    assert page.evaluate("text => kinds(text)", text) == []


def test_a_long_text_is_read_to_its_end(page):
    assert page.evaluate("text => kinds(text)", "word " * (LENGTH // 5) + "mira@example.org") == ["an e-mail address"]


@pytest.mark.parametrize("part", EXAMPLES["hostile"])
def test_a_hostile_text_of_100_kb_is_read(page, part):
    """Apart from the page, so that it can be ended: were the time quadratic, this would take minutes."""
    assert page.evaluate(READ_APART, [(part * LENGTH)[:LENGTH], PATIENCE_SECONDS]) == "read"
