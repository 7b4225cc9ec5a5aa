"""The reference page of the Python API, made from the code itself: ``python -m plumbline.cli.python_reference``.

Covers the modules of `MODULES`: what they name in ``__all__``, or define themselves. A name that several of them have
stands where it stands first.
"""

from __future__ import annotations

import enum
import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

MODULES = (
    "plumbline",
    "plumbline.records",
    "plumbline.formats",
    "plumbline.lineage",
    "plumbline.curate",
    "plumbline.measure",
    "plumbline.models.rows.training_rows",
    "plumbline.models.linear.training",
    "plumbline.models.training",
    "plumbline.models.scored_model",
    "plumbline.models.scoring",
    "plumbline.models.figures.evaluation",
    "plumbline.models.linear.saving",
    "plumbline.models.loading",
    "plumbline.moderate.policy",
    "plumbline.moderate.policy_fitting",
    "plumbline.moderate.policy_files",
    "plumbline.align.best_of_n.curve",
    "plumbline.redteam.scorer_error",
    "plumbline.sources",
    "plumbline.release",
    "plumbline.report",
    "plumbline.loop.curating.run",
    "plumbline.loop.training.run",
    "plumbline.loop.measuring.evaluation_run",
)
"""What somebody who works in Python would call, in the order of the way from rows to a report."""

_WIDTH = 100
_HEAD = """\
# The Python API

Made from the code itself; `make docs` writes it anew. Each name with how it is called and the beginning of its docstring;
`help(plumbline.load)` has all of it: shapes, units, errors, the paper. [data.md](data.md#records) and
[the notebook](notebook.ipynb) show how the parts go together.

Errors are a `PlumblineError` with a code of [errors.md](errors.md). The last modules are what the commands of the same names
call; `plumbline.engine` and `plumbline.web`, and what is not listed, are for the inside and may change.
"""


def python_reference() -> str:
    """``docs/python.md``: the public names of `MODULES`, module by module."""
    shown: set[int] = set()
    parts = [_HEAD]
    for name in MODULES:
        parts += _module(import_module(name), shown)
    return "\n".join(parts)


def public_names(module: ModuleType) -> list[str]:
    """What a module offers: ``__all__``, else what it defines itself and does not hide."""
    named: list[str] | None = getattr(module, "__all__", None)
    if named is not None:
        return [name for name in named if not name.startswith("__")]
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__ and _is_called(value)
    ]


def _is_called(value: object) -> bool:
    return inspect.isclass(value) or inspect.isfunction(value)


def _module(module: ModuleType, shown: set[int]) -> Iterator[str]:
    yield f"## {module.__name__}\n"
    yield f"{_beginning(module)}\n"
    constants = []
    for name in public_names(module):
        value = getattr(module, name)
        if not _is_called(value):
            constants.append(f"`{name}`")
        elif id(value) not in shown:
            shown.add(id(value))
            yield from _entry(name, value)
    if constants:
        yield f"Constants and types: {', '.join(constants)}.\n"


def _entry(name: str, value: Any) -> Iterator[str]:
    yield f"### `{name}`\n"
    if inspect.isclass(value) and issubclass(value, enum.Enum):
        yield f"One of {', '.join(f'`{member.name}`' for member in value)}.\n"
    elif not (getattr(value, "_is_protocol", False) or (inspect.isclass(value) and issubclass(value, Exception))):
        yield f"```text\n{_called(name, value)}\n```\n"
    yield f"{_beginning(value)}\n"
    if inspect.isclass(value) and (methods := list(_methods(value))):
        yield "\n".join(methods) + "\n"


def _methods(value: type) -> Iterator[str]:
    """A line for each method and property that a class has of its own and tells about."""
    for name, found in vars(value).items():
        plain = getattr(found, "__func__", found)
        if name.startswith("_") or not inspect.getdoc(found):
            continue
        if isinstance(found, property):
            yield f"- `{name}`: {_beginning(found)}"
        elif inspect.isfunction(plain):
            yield f"- `{_called(name, plain, most=10_000)}`: {_beginning(plain)}"


def _called(name: str, value: Any, most: int = _WIDTH) -> str:
    """``name(a: int, *, b: str = 'x') -> bool``, a parameter a line where it is longer than `most`."""
    signature = inspect.signature(value)
    parameters = [each for each in signature.parameters.values() if each.name not in ("self", "cls")]
    named_after = any(each.kind is each.VAR_POSITIONAL for each in parameters)
    words: list[str] = []
    for each in parameters:
        if each.kind is each.KEYWORD_ONLY and not named_after:
            words.append("*")
            named_after = True
        words.append(_parameter(each))
    back = "" if inspect.isclass(value) else f" -> {_annotation(signature.return_annotation)}"
    line = f"{name}({', '.join(words)}){back}"
    return line if len(line) <= most else f"{name}(\n" + "".join(f"    {word},\n" for word in words) + f"){back}"


def _parameter(parameter: inspect.Parameter) -> str:
    stars = "*" if parameter.kind is parameter.VAR_POSITIONAL else "**" * (parameter.kind is parameter.VAR_KEYWORD)
    said = f"{stars}{parameter.name}"
    if parameter.annotation is not parameter.empty:
        said += f": {_annotation(parameter.annotation)}"
    return said if parameter.default is parameter.empty else f"{said} = {_default(parameter.default)}"


def _annotation(annotation: Any) -> str:
    """A type as the code writes it; of one that a library resolved, without what it checks besides."""
    if isinstance(annotation, str):
        return annotation
    if annotation is inspect.Parameter.empty:
        return "None"
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _annotation(arguments[0])
    if origin in (Union, UnionType):
        return " | ".join(map(_annotation, arguments))
    if origin is None or origin is Literal:
        return str(getattr(annotation, "__name__", annotation)).replace("NoneType", "None").replace("typing.", "")
    return f"{origin.__name__}[{', '.join(map(_annotation, arguments))}]"


def _default(value: Any) -> str:
    """A default as somebody would write it; … for all but plain values: what a machine holds, or its environment, is no reference."""
    if isinstance(value, enum.Enum):
        return f"{type(value).__name__}.{value.name}"
    if isinstance(value, tuple) and type(value) is tuple:
        inside = ", ".join(map(_default, value))
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    return repr(value) if value is None or type(value) in (bool, int, float, str) else "…"


def _beginning(value: Any) -> str:
    """The first paragraph of a docstring, on one line."""
    paragraph = (inspect.getdoc(value) or "").partition("\n\n")[0]
    return " ".join(re.split(r"\n(?:Args|Attributes|Returns|Raises):", paragraph)[0].replace("``", "`").split())


if __name__ == "__main__":
    print(python_reference(), end="")
