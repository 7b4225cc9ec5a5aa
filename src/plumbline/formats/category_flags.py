"""Category dictionaries of safety labels, ``{"category": true, …}``, as the names of those that apply."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from plumbline.formats.strict_json import Refusal


def names_that_apply(
    flags: Mapping[str, bool], names: tuple[str, ...], *, code: str, aliases: Mapping[str, str] | None = None
) -> tuple[list[str], bool]:
    """The categories that a dictionary of flags says apply.

    Args:
        flags: as in the row.
        names: all categories of the taxonomy in the order that its files write them.
        code: of the refusal.
        aliases: other spelling → official name.
    Returns:
        (names that apply, in official order; whether `flags` is spelled and ordered as the files write it).
    Raises:
        Refusal: a category is unknown, named twice or missing. A missing one is not read as "does not apply".
    """
    if tuple(flags) == names:
        return [name for name, applies in flags.items() if applies], True
    official = {(aliases or {}).get(name, name): applies for name, applies in flags.items()}
    unknown = len(official.keys() - set(names))
    missing = [name for name in names if name not in official]
    if unknown:
        counted = (
            f"{unknown} name{'s' if unknown > 1 else ''} of no category, {len(missing)} of the {len(names)} missing"
        )
        raise _refusal(code, "a category is unknown", names, counted)
    if len(official) != len(flags):
        raise _refusal(code, "a category is named twice", names, "two spellings of one")
    if missing:
        further = f" and {len(missing) - 2} more" if len(missing) > 2 else ""
        raise _refusal(
            code, "a category is missing", names, f"{len(official)} of them, without {', '.join(missing[:2])}{further}"
        )
    return [name for name in names if official[name]], False


def flags_of(applying: Collection[str], names: Sequence[str]) -> dict[str, bool]:
    """The dictionary that a file writes for the categories that apply."""
    return {name: name in applying for name in names}


def _refusal(code: str, problem: str, names: tuple[str, ...], found: str) -> Refusal:
    expected = f"the {len(names)} categories of the taxonomy, once each"
    return Refusal(code, problem, expected, f"{found}; docs/data.md lists them, or leave the categories out")
