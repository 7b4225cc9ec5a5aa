"""Each page's context is what its template is handed: nothing is missing, nothing is left over."""

import importlib
import pkgutil
import re
from dataclasses import fields, is_dataclass

import pytest
from jinja2 import meta

from plumbline.collect.pages import contexts
from plumbline.collect.pages.rendering import TEMPLATES, environment

PAGES = 7


def page_contexts():
    modules = [
        importlib.import_module(f"{contexts.__name__}.{each.name}") for each in pkgutil.iter_modules(contexts.__path__)
    ]
    classes = {value for module in modules for value in vars(module).values() if isinstance(value, type)}
    return sorted((each for each in classes if "template" in vars(each)), key=lambda each: each.__name__)


def sources(template):
    """The template and all that it extends, includes or imports."""
    environment_ = environment()
    found, waiting = {}, [template]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found[name] = environment_.loader.get_source(environment_, name)[0]
        waiting += [each for each in meta.find_referenced_templates(environment_.parse(found[name])) if each]
    return found


def names_used(template):
    parsed = [environment().parse(text) for text in sources(template).values()]
    return set().union(*(meta.find_undeclared_variables(each) for each in parsed))


def test_there_are_pages():
    assert len(page_contexts()) >= PAGES


@pytest.mark.parametrize("context", page_contexts(), ids=lambda each: each.__name__)
def test_a_context_holds_what_its_template_uses_and_nothing_else(context):
    assert is_dataclass(context)
    assert names_used(context.template) == {each.name for each in fields(context)}


@pytest.mark.parametrize("context", page_contexts(), ids=lambda each: each.__name__)
def test_every_field_of_a_context_is_documented(context):
    said = context.__doc__.partition("Attributes:")[2]
    missing = [
        each.name for each in fields(context) if not re.search(rf"^\s+(?:\w+, )*{each.name}(?:, \w+)*: ", said, re.M)
    ]
    assert not missing


def test_every_template_belongs_to_a_page():
    used = {name for context in page_contexts() for name in sources(context.template)}
    there = {path.relative_to(TEMPLATES).as_posix() for path in TEMPLATES.rglob("*") if path.is_file()}
    assert there == used


def test_no_template_lets_markup_through():
    for path in TEMPLATES.rglob("*.html"):
        text = path.read_text()
        assert not re.search(r"\|\s*safe\b|autoescape false|\bMarkup\b", text), path
        assert not re.search(r"\sstyle=|\son\w+=|javascript:", text), path
        assert not re.search(r"<script(?![^>]*\ssrc=)", text), path
