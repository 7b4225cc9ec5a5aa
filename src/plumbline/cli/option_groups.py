"""Options that belong together, as the fields of a dataclass that several commands take."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import MISSING, fields
from typing import Any, TypeVar, get_type_hints

Command = TypeVar("Command", bound=Callable[..., None])


def with_options(name: str, group: type[Any]) -> Callable[[Command], Command]:
    """Let a command take the fields of a dataclass as options, and hand it over made.

    Args:
        name: the command's parameter that gets the dataclass.
        group: its fields are annotated as options are, and have defaults.
    """
    hints = get_type_hints(group, include_extras=True)
    options = [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None if field.default is MISSING else field.default,
            annotation=hints[field.name],
        )
        for field in fields(group)
    ]

    def decorate(command: Command) -> Command:
        """The command with the options in the place of `name`."""
        own = inspect.signature(command).parameters
        annotations = get_type_hints(command, include_extras=True)

        @functools.wraps(command)
        def called(**given: Any) -> None:
            """Gather the options of the group."""
            of_group = {option.name: given.pop(option.name) for option in options}
            command(**given, **{name: group(**of_group)})

        listed: list[inspect.Parameter] = []
        for parameter in own.values():
            kept = parameter.replace(
                kind=inspect.Parameter.KEYWORD_ONLY, annotation=annotations.get(parameter.name, parameter.annotation)
            )
            listed += options if parameter.name == name else [kept]
        replaced: Any = called
        replaced.__signature__ = inspect.Signature(listed)
        replaced.__annotations__ = {parameter.name: parameter.annotation for parameter in listed}
        result: Command = replaced
        return result

    return decorate
