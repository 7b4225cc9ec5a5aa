"""A context, which says which template it is for, becomes HTML. Everything is escaped; what a template lacks is an error."""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Protocol

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from plumbline.collect.pages import wording

TEMPLATES = Path(__file__).with_name("templates")


class PageContext(Protocol):
    """A dataclass whose fields are all that its template is handed."""

    template: ClassVar[str]
    __dataclass_fields__: ClassVar[dict[str, Any]]


@cache
def environment() -> Environment:
    """The templates; a name that a context does not have fails, and no template escapes less than another."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        count=wording.count,
        counted=wording.counted,
        day=wording.day,
        moment=wording.moment,
        waiting=wording.waiting,
    )
    return made


def render(context: PageContext) -> str:
    """The page."""
    values = {each.name: getattr(context, each.name) for each in fields(context)}
    return environment().get_template(context.template).render(values)
