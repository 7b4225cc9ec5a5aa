"""The command line's reference page, made from the commands themselves: ``python -m plumbline.cli.reference``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_WIDTH = 100


def cli_reference() -> str:
    """``docs/cli.md``: the help of every command, as the program prints it."""
    from typer.main import get_command

    from plumbline.cli.main import app

    parts = [
        "# The command line",
        "",
        "Made from the program's own help; `make docs` writes it anew.",
        "Exit codes: 0 fine; 1 findings, quarantined rows or a failed run; 2 wrong usage.",
        "",
    ]
    for names, command in _commands(get_command(app), ("plumbline",)):
        context: Any = command.make_context(
            names[-1], [], resilient_parsing=True, terminal_width=_WIDTH, max_content_width=_WIDTH
        )
        context.info_name = " ".join(names)
        parts += [f"## {' '.join(names)}", "", "```text", command.get_help(context).rstrip(), "```", ""]
    return "\n".join(parts)


def _commands(command: Any, names: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The command and those below it, with the words that call each."""
    yield names, command
    for name, below in getattr(command, "commands", {}).items():
        yield from _commands(below, (*names, name))


if __name__ == "__main__":
    print(cli_reference(), end="")
