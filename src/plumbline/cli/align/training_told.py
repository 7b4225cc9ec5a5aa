"""What commands that train a policy tell at their end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from plumbline.cli.console import exit_where_rows_are_missing, note, print_json, print_table, tell_first_unread

_AT_BOUND = 0.999


def tell_policy(summary: Mapping[str, Any], *, as_json: bool, figures: Mapping[str, str]) -> None:
    """What was trained, how it went, what was left out, what to beware of; ends with 1 where rows could not be read.

    Args:
        summary: as ``policy.json`` has it.
        as_json: print the summary; else a table.
        figures: what the table calls a figure → its name in the summary.
    """
    if as_json:
        print_json(summary)
    elif figures:
        _print_figures(summary, figures)
    _tell_outcome(summary)
    for name, count in summary["left_out"].items():
        if count:
            note(f"left out: {count:,}, {name}" + (" (docs/errors.md)" if name.startswith("PL-") else ""))
    if summary["synthetic"]:
        note("SYNTHETIC: data or models were made up by a program; the figures say nothing of people")
    if not summary["terms_of_its_origin_known"]:
        note(
            f"nothing tells what may be done with {summary['trained_from']}, or with what that came from: see its licence"
        )
    note(f"may be used for: {', '.join(summary['terms']['uses']) or 'nothing'}; licence: {summary['terms']['licence']}")
    tell_first_unread(summary["quarantined"], summary["first_unread"])
    exit_where_rows_are_missing(summary["quarantined"])


def _print_figures(summary: Mapping[str, Any], figures: Mapping[str, str]) -> None:
    """Means of the first and the last steps, of what both tell."""
    first, last = summary["first"], summary["last"]
    rows = [
        [name, f"{first[key]:.4g}", f"{last[key]:.4g}"]
        for name, key in figures.items()
        if first.get(key) is not None and last.get(key) is not None
    ]
    count = summary["averaged_steps"]
    print_table(["mean of steps", f"the first {count}", f"the last {count}"], rows, right=(1, 2))


def _towards_the_limit(kept: Mapping[str, Any]) -> str:
    """What may help a cost that lies above its limit."""
    if kept["multiplier"] >= _AT_BOUND * kept["most"]:
        return "allow a larger --lambda-most, or see whether any reply can be so harmless"
    return "λ can still rise: more --steps, or a larger --lambda-first or --lambda-rate"


def _tell_outcome(summary: Mapping[str, Any]) -> None:
    """Whether the limit is kept, what the held-out model says, alarms."""
    kept, held = summary.get("lagrangian"), summary.get("held_out_preference")
    if kept is not None and kept["mean_cost"] is not None:
        told = f"mean cost of the last {kept['replies']:,} replies {kept['mean_cost']:.3f}"
        if kept["is_kept"]:
            note(f"{told}, within the limit of {kept['cost_limit']:g}")
        else:
            note(
                f"the cost limit is NOT kept: {told}, above {kept['cost_limit']:g}, at λ {kept['multiplier']:.3g}; "
                + _towards_the_limit(kept)
            )
    if held is not None:
        from plumbline.measure import Figure, format_figure

        share = format_figure(Figure(**held["last"]))
        note(f"the held-out model prefers its reply to that of the start with a share of {share}")
    if summary.get("without_alarms"):
        note(summary["without_alarms"])
    for alarm in summary.get("alarms", ()):
        note(f"alarm at step {alarm['step']:,}, {alarm['kind']}: {alarm['told']}")
