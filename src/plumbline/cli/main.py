"""``plumbline``: the commands, and how errors reach a person.

Nothing heavy is imported before a command runs: ``plumbline --help`` answers at once.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from plumbline import __version__
from plumbline.cli import curate, data, demo, evaluate, loop, policy, redteam, release, report, serve
from plumbline.cli.align import app as align
from plumbline.cli.collect import app as collect
from plumbline.cli.console import note
from plumbline.cli.train import app as train


class _Commands(TyperGroup):
    """Ends a command that was interrupted, or whose reader went away, before Typer would."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except KeyboardInterrupt:
            _stop("interrupted; nothing was left half-written", 130)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(0)
        return result


app = typer.Typer(
    name="plumbline",
    cls=_Commands,
    help="Human judgements of AI conversations into data sets, and those into models that keep an assistant "
    "helpful and harmless.\n\nStart with: plumbline demo",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(data.app, name="data")
app.add_typer(train.app, name="train")
app.add_typer(collect.app, name="collect")
app.add_typer(policy.app, name="policy")
app.add_typer(redteam.app, name="redteam")
app.add_typer(align.app, name="align")
app.add_typer(release.app, name="release")
curate.register(app)
demo.register(app)
evaluate.register(app)
loop.register(app)
report.register(app)
serve.register(app)


@app.callback(invoke_without_command=True)
def root(version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False) -> None:
    """Human judgements in, models out."""
    if version:
        print(__version__)
        raise typer.Exit


def run() -> None:
    """The entry point: runs a command and turns errors into a message and an exit code."""
    try:
        app()
    except Exception as error:
        _report_error(error)


def _report_error(error: Exception) -> None:
    from plumbline.records.errors import PlumblineError, SourceError

    if os.environ.get("PLUMBLINE_TRACEBACK") and not isinstance(error, PlumblineError):
        raise error
    if isinstance(error, OSError) and error.filename is not None:
        # The system refuses a path before a reader sees it: a name too long, a disk that fails.
        refused = error.strerror or type(error).__name__
        error = SourceError(
            "PL-IO-001", str(error.filename), "the path cannot be used", found=refused, advice="check the path"
        )
    if isinstance(error, PlumblineError):
        _stop(str(error), error.exit_code)
    # The message of an unforeseen error may quote data, so only its type and place are shown.
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    place = f"{trace.tb_frame.f_globals.get('__name__')} line {trace.tb_lineno}" if trace else "unknown place"
    _stop(
        f"PL-BUG-001  {place}: an unforeseen {type(error).__name__}; this is a fault of plumbline.\n"
        "            Try: the same with PLUMBLINE_TRACEBACK=1 set, and report what it prints (it may quote data)",
        1,
    )


def _stop(message: str, code: int) -> NoReturn:
    note(message)
    sys.exit(code)
