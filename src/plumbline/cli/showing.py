"""How `plumbline data show` and `data check` look on a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from plumbline.cli.console import note, print_table, visible

if TYPE_CHECKING:
    from plumbline.formats import Loaded

_GROUPED_BY = ("source", "subset", "split", "axis", "taxonomy")


def show_loaded(loaded: Loaded, *, rows: int, show_text: bool) -> None:
    """Counts by place, then a few records."""
    print(loaded)
    for kind, table in loaded.tables.items():
        print(f"\n{kind.replace('_', ' ')}")
        names = [name for name in _GROUPED_BY if name in table.schema.names]
        counts = Counter(zip(*(table[name].to_pylist() for name in names), strict=True))
        lines = [[*(value or "–" for value in place), f"{count:,}"] for place, count in sorted(counts.items(), key=str)]
        print_table([*names, "rows"], lines, right=[len(names)])
        for record in table.slice(0, rows).to_pylist():
            print()
            _print_record(record, show_text=show_text)
    uses = ", ".join(sorted(loaded.terms.uses)) or "none"
    print(visible(f"\nuses: {uses}; licence: {loaded.terms.licence}", keep="\n"))
    if not show_text and rows:
        note("texts are masked; --show-text shows them")


def _print_record(record: Mapping[str, Any], *, show_text: bool) -> None:
    for name, value in record.items():
        if value is None or value == []:
            continue
        if name in ("context", "conversation", "transcript"):
            _print_messages(name, value, show_text=show_text)
        elif name == "continuations":
            for side, messages in zip(("first", "second"), value, strict=True):
                _print_messages(side, messages, show_text=show_text)
        elif name in ("extra", "task_description"):
            print(f"  {name}: {_masked(value, show_text=show_text)}")
        elif name == "row":
            print(f"  line: {value + 1} of the source (row {value}, counted from 0)")
        else:
            print(visible(f"  {name}: {value}"))


def _print_messages(name: str, messages: list[dict[str, str]], *, show_text: bool) -> None:
    print(f"  {name}:" + ("" if messages else " no messages"))
    for message in messages:
        print(f"    {message['role']}: {_masked(message['text'], show_text=show_text)}")


def _masked(text: str, *, show_text: bool) -> str:
    if not show_text:
        return f"[{len(text):,} characters]"
    return visible(text, keep="\n")


def show_line(path: Path, line: int, *, show_text: bool) -> None:
    """One line as it stands: its keys, types and lengths, and why it cannot be read if it cannot."""
    from plumbline.formats.raw_view import read_line

    raw = read_line(path, line)
    print(visible(f"{path} line {line}: {len(raw):,} bytes"))
    if show_text:
        print(_masked(raw.decode("utf-8", errors="backslashreplace"), show_text=True))
        return
    from plumbline.formats.strict_json import Refusal, decode_carefully

    try:
        values = decode_carefully(raw)
    except Refusal as refusal:
        print(visible(f"{refusal.code}  {refusal.problem}; expected {refusal.expected}, found {refusal.found}"))
        return
    print_table(
        ["key", "type", "length"],
        [[key, type(value).__name__, _length(value)] for key, value in values.items()],
        right=[2],
    )
    note("texts are masked; --show-text shows the line")


def _length(value: object) -> str:
    return f"{len(value):,}" if isinstance(value, str | list | dict) else ""


def print_check(summary: Mapping[str, Any], paths: Mapping[str, str]) -> None:
    """The summary as two tables.

    Args:
        summary: of `run_check`.
        paths: source → path that a person here can open.
    """
    records = ", ".join(f"{count:,} {kind.replace('_', ' ')}" for kind, count in summary["records"].items())
    files = len(summary["files"])
    print(f"{summary['rows_read']:,} rows read in {files} file{'' if files == 1 else 's'}: {records or 'no records'}")
    places: list[str] = []
    for title, key in (
        ("quarantined, not in the records", "quarantined"),
        ("findings, still in the records", "findings"),
    ):
        entries = summary[key]
        print(f"\n{title}: {sum(entry['count'] for entry in entries):,}")
        lines = [[entry["code"], f"{entry['count']:,}", entry["name"], _places(entry, paths)] for entry in entries]
        if lines:
            print_table(["code", "count", "what", "first places"], lines, right=[1])
        places += [place for entry in entries for place in entry["places"]]
    _tell_how_to_look_up([_opened(place, paths) for place in places], set(paths.values()))


def _tell_how_to_look_up(places: list[tuple[str, str]], files: set[str]) -> None:
    for path, line in places:
        if line and path in files and not path.endswith(".parquet"):
            note(f"look a row up: plumbline data show {quote(path)} --line {line.split()[0]}")
            return


def _opened(place: str, paths: Mapping[str, str]) -> tuple[str, str]:
    """(path, line and what follows it); the line is empty for a whole file."""
    source, between, line = place.rpartition(" line ")
    return (paths.get(source, source), line) if between else (paths.get(place, place), "")


def _places(entry: Mapping[str, Any], paths: Mapping[str, str]) -> str:
    """The places of an entry with paths that can be opened; a file named once for several lines."""
    by_path: dict[str, list[str]] = {}
    for place in entry["places"]:
        path, line = _opened(place, paths)
        by_path.setdefault(path, []).extend([line] if line else [])
    return "; ".join(
        f"{path} line{'s' if len(lines) > 1 else ''} {', '.join(lines)}" if lines else path
        for path, lines in by_path.items()
    )
