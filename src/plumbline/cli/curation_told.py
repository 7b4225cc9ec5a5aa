"""What a person is told of a finished curation that its counts do not say: its terms, its splits, what it replaced."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from plumbline.cli.console import note

if TYPE_CHECKING:
    from plumbline.lineage import Terms
    from plumbline.loop.curating.places import Replaced
    from plumbline.loop.curating.run import CurationResult
    from plumbline.loop.curating.terms import TermsOfFile

_NAMED = 5
"""Files that a line names at most."""


def tell_terms(result: CurationResult) -> None:
    """What the output may be used for, which files narrow that, and whose terms do not bind it."""
    from plumbline.loop.curating.terms import narrowing

    note(f"permitted uses: {_uses(result.loaded.terms)}; licence: {result.loaded.terms.licence}")
    narrow = narrowing(result.files)
    if narrow:
        note(
            f"uses are narrowed by {_files(narrow)}: the strictest terms of all files that the output holds something of"
        )
    apart = [file for file in result.files if file.gave.apart and file.terms != result.loaded.terms]
    if apart:
        note(f"their terms do not bind the output, which holds no record and no prompt of them: {_files(apart)}")


def _files(files: list[TermsOfFile]) -> str:
    told = [
        f"{file.path} ({_uses(file.terms)}; {file.gave.read:,} records, {file.gave.written:,} written)"
        for file in files[:_NAMED]
    ]
    more = len(files) - len(told)
    return ", ".join([*told, *([f"{more:,} more"] if more else [])])


def _uses(terms: Terms) -> str:
    named = sorted(terms.uses)
    return f"{named[0]} only" if len(named) == 1 else ", ".join(named) or "none"


def tell_splits_not_given(summary: dict[str, Any]) -> None:
    """Say where a recipe names shares of splits and every record stood in a split already."""
    for step in summary["steps"]:
        if step["rule"] != "splits" or step["changed"] or not step["before"]:
            continue
        there: dict[str, int] = {}
        for splits in step["before"].values():
            for split, records in splits.items():
                there[split] = there.get(split, 0) + records
        if set(step["settings"]["shares"]) - set(there):
            held = ", ".join(f"{records:,} in {split}" for split, records in sorted(there.items()))
            note(
                f"nothing was split: every record stood in a split already ({held}), by the name of its file, or as its row says; "
                "docs/how-to/curate.md says which names are splits"
            )


def tell_replaced(replaced: Replaced | None, out: Path) -> None:
    """Name the earlier curation whose place the output took."""
    if replaced is None:
        return
    told = replaced.manifest
    rows = sum(entry.rows or 0 for entry in told.outputs if not entry.path.startswith("curation/"))
    recipe = told.configuration.get("recipe")
    by = f" by {recipe}" if isinstance(recipe, str) else ""
    note(f"replaced {out}: {rows:,} records{by}, of {told.created}, manifest {replaced.sha256[:12]}…")
