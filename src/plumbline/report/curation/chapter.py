"""What curating did: what each rule removed and changed, what the data held, clusters, prompts that splits share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from plumbline.curate.accounting import total
from plumbline.curate.rules.aggregate import MERGING, STANDS_FOR
from plumbline.report.curation.notes import ClusterNotes, LeakageNotes, StepNotes, by_kind
from plumbline.report.curation.people import people_cards
from plumbline.report.curation.subjects import Curated
from plumbline.report.curation.words import family_words, kind_words, split_words, train_first
from plumbline.report.layout import Card, Section, Table, Tile, columns, section_of, told_tile
from plumbline.report.pictures.curation import Fall, Matrix, draw_matrices, draw_sizes, draw_waterfall
from plumbline.report.wording import capitalised, count, listed, percent, plural

_REASONS, _REASONS_TOLD = 12, 5
_EACH_SIZE = 8
"""Up to so many sizes of clusters each has a bar of its own; with more, sizes from 5 on share bars."""
_SPLITS_DRAWN = 8


def curation(curated: tuple[Curated, ...]) -> Section | None:
    """What was curated, a few cards each; None where nothing was."""
    return section_of(
        "curation",
        "Curation",
        "What a recipe did with the records it read. Its rules work one after another, each on what the one before it "
        "left; every record that was removed stands in curation/removed.parquet with the rule, the reason and, where "
        "there is one, the record it repeats or contradicts. A record is one pair, one label, one attempt or one prompt: "
        "a line of a source may hold several.",
        (card for each in curated for card in _cards(each)),
    )


def _cards(curated: Curated) -> Iterator[Card]:
    notes = curated.curation.notes
    yield _waterfall_card(curated)
    if changed := [step for step in notes.steps if total(step.changed)]:
        yield _changes_card(curated, changed)
    if notes.census:
        yield _census_card(curated)
    for number, (rule, clusters) in enumerate(notes.clusters.items()):
        yield _clusters_card(curated, rule, clusters, number)
    if notes.leakage is not None and len(notes.leakage.splits) > 1:
        yield _leakage_card(curated, notes.leakage)
    yield from people_cards(curated)


def curation_tiles(curated: tuple[Curated, ...]) -> tuple[Tile, ...]:
    """One tile for each curation."""
    return tuple(_tile(each) for each in curated)


def _tile(curated: Curated) -> Tile:
    notes = curated.curation.notes
    most, changed = main_cause(curated), sum(total(step.changed) for step in notes.steps)
    lines = [f"{capitalised(removed_words(curated))} of {plural(total(notes.records.read), 'record')}"]
    if most is not None:
        lines.append(f"Most: {most.title} ({count(total(most.removed))})")
    lines.append(f"Changed: {_changes_words(curated)}" if changed else "None changed")
    if curated.also:
        lines.append(f"The same summary stands in {listed(curated.also, len(curated.also))}")
    return told_tile(
        curated.name, count(total(notes.written)), "records kept", lines, synthetic=curated.curation.synthetic
    )


# --- what each rule removed ---


def removed_words(curated: Curated) -> str:
    """How many records of how many are gone, in half a sentence."""
    notes = curated.curation.notes
    read, written = total(notes.records.read), total(notes.written)
    merged = sum(total(step.removed) for step in notes.steps if step.rule == MERGING)
    gone, share = read - written, percent(read - written, read)
    if not merged:
        return f"{count(gone)} removed ({share})"
    if merged == gone:
        return f"{count(merged)} merged into others ({share})"
    return f"{count(gone - merged)} removed and {count(merged)} merged into others (together {share})"


def main_cause(curated: Curated) -> StepNotes | None:
    """The rule that removed most; None where none removed anything. What was merged into others is not gone."""
    steps = [step for step in curated.curation.notes.steps if total(step.removed) and step.rule != MERGING]
    return max(steps, key=lambda step: total(step.removed), default=None)


def _waterfall_card(curated: Curated) -> Card:
    notes = curated.curation.notes
    read, written, most = total(notes.records.read), total(notes.written), main_cause(curated)
    reading = f"Of {plural(read, 'record')} read, {count(written)} were written and {removed_words(curated)}."
    if most is not None:
        reading += f" The rule that removed most: {most.title} ({count(total(most.removed))})."
    card = curated.card("what each rule removed", reading)
    picture = None
    if read:
        caption = curated.caption("waterfall", "What each rule removed", reading)
        picture = draw_waterfall(_falls(curated), caption)
    tables = (_steps_table(curated), _reasons_table(curated))
    return replace(card, picture=picture, note=_left_aside(curated), tables=tuple(each for each in tables if each.rows))


def _falls(curated: Curated) -> list[Fall]:
    notes = curated.curation.notes
    read = left = total(notes.records.read)
    falls = [Fall("Read", None, read, read, _kinds_of(notes.records.read))]
    for step in notes.steps:
        removed = total(step.removed)
        left -= removed
        if removed:
            falls.append(Fall(capitalised(step.title), removed, left, read, _details(step)))
    return [*falls, Fall("Written", None, left, read, _kinds_of(notes.written))]


def _kinds_of(counts: Mapping[str, Mapping[str, int]]) -> tuple[str, ...]:
    kinds = by_kind(counts)
    return (", ".join(f"{count(records)} {kind_words(kind)}" for kind, records in kinds.items()),)


def _details(step: StepNotes) -> tuple[str, ...]:
    """Of which kinds and splits the records were, where the rule found several."""
    several = len(by_kind(step.before)) > 1
    lines = []
    for kind, records in by_kind(step.removed).items():
        splits = {split: number for split, number in step.removed[kind].items() if number}
        shown = ""
        if sum(bool(number) for number in step.before.get(kind, {}).values()) > 1:
            alone = len(splits) == 1
            shown = ", ".join(
                f"{'all' if alone else count(splits[split])} {split_words(split)}"
                for split in sorted(splits, key=train_first)
            )
        if several:
            lines.append(f"{kind_words(kind)} {count(records)}{f': {shown}' if shown else ''}")
        elif shown:
            lines.append(shown)
    return tuple(lines)


def _left_aside(curated: Curated) -> str:
    """What removed nothing, and what is in none of the counts."""
    notes = curated.curation.notes
    idle = [step.rule for step in notes.steps if not total(step.removed)]
    lines = [f"Removed nothing: {listed(idle, len(idle))}."] if idle else []
    if notes.rows.quarantined:
        codes = listed([f"{code} {count(number)}" for code, number in notes.rows.quarantined.items()])
        unreadable = sum(notes.rows.quarantined.values())
        lines.append(f"Not read, and in none of these counts: {plural(unreadable, 'row')} of the sources ({codes}).")
    if notes.rows.not_taken:
        kinds = listed([f"{count(number)} {kind_words(kind)}" for kind, number in notes.rows.not_taken.items()])
        lines.append(f"Not taken by the recipe: {kinds}.")
    return " ".join(lines)


def _steps_table(curated: Curated) -> Table:
    rows = []
    for step in curated.curation.notes.steps:
        for kind, splits in step.before.items():
            for split in sorted(splits, key=train_first):
                removed = step.removed.get(kind, {}).get(split, 0)
                changed = step.changed.get(kind, {}).get(split, 0)
                numbers = (splits[split], removed, changed)
                place = (step.rule, kind_words(kind), split)
                rows.append((*place, *map(count, numbers), percent(removed, splits[split])))
    names = columns("Rule", "Records", "Split", "Found#", "Removed#", "Changed#", "Removed of what it found#")
    return Table(f"Every rule by kind and split, {curated.name}", names, tuple(rows))


def _reasons_table(curated: Curated) -> Table:
    rows = []
    for step in curated.curation.notes.steps:
        reasons = list(step.reasons.items())
        rows += [(step.rule, reason, count(number)) for reason, number in reasons[:_REASONS]]
        if rest := reasons[_REASONS:]:
            rows.append((step.rule, f"{len(rest)} other reasons", count(sum(number for _, number in rest))))
    return Table(f"Reasons, {curated.name}", columns("Rule", "Reason", "Records#"), tuple(rows))


# --- what else was done and found ---


def _changes_card(curated: Curated, steps: list[StepNotes]) -> Card:
    rows = [
        (
            capitalised(step.title),
            count(total(step.changed)),
            percent(total(step.changed), total(step.before)),
            listed([f"{why} {count(number)}" for why, number in _why_changed(step).items()], _REASONS_TOLD),
        )
        for step in steps
    ]
    table = Table(
        f"What was changed, {curated.name}",
        columns("What was done", "Records#", "Of what it found#", "Why"),
        tuple(rows),
    )
    note = (
        "A record may be changed by several rules, and be removed by a later one. A record with several kinds of personal "
        "data counts under each."
    )
    card = curated.card("what was changed", f"Records that were changed: {_changes_words(curated)}.")
    return replace(card, open_tables=(table,), note=note)


def _why_changed(step: StepNotes) -> Mapping[str, int]:
    """Why records were changed; the reasons of a step count those that it removed, too, of which merging alone does both."""
    if step.kinds or step.rule != MERGING:
        return step.kinds or step.reasons
    return {why: number for why, number in step.reasons.items() if why.startswith(STANDS_FOR)}


def _changes_words(curated: Curated) -> str:
    steps = [step for step in curated.curation.notes.steps if total(step.changed)]
    return listed([f"{count(total(step.changed))} by {step.rule}" for step in steps], len(steps))


def _census_card(curated: Curated) -> Card:
    census = curated.curation.notes.census
    rows = tuple(
        (
            family_words(row.family),
            count(row.records),
            count(row.records_distinct),
            count(row.items),
            f"{count(row.judged_both_ways)} ({percent(row.judged_both_ways, row.items)})",
        )
        for row in census
    )
    told = [
        f"{family_words(row.family)}: {count(row.judged_both_ways)} of {plural(row.items, 'item')} judged both ways"
        for row in census
    ]
    names = columns("Records", "Read#", "Different#", "Items#", "Judged both ways#")
    note = (
        "As read, before any rule removed anything. Different: with other words or another judgement. An item is what is "
        "judged: a pair whichever side stands first, or a question with its reply."
    )
    card = curated.card("what was read", f"{capitalised('; '.join(told))}.")
    return replace(card, open_tables=(Table(f"What was read, {curated.name}", names, rows),), note=note)


def _clusters_card(curated: Curated, rule: str, clusters: ClusterNotes, number: int) -> Card:
    heading = f"clusters of {rule}"
    sizes = clusters.by_size
    if not sizes:
        return curated.card(heading, "No two records are so alike: there is no cluster.")
    largest = [count(size) for size, times in reversed(sizes) for _ in range(min(times, 3))][:3]
    clusters_there = sum(times for _, times in sizes)
    most = f"the largest holds {largest[0]}" if len(largest) == 1 else f"the largest hold {listed(largest)}"
    reading = f"{plural(clusters.rows, 'record')} hang together in {plural(clusters_there, 'cluster')}; {most}."
    caption = curated.caption(f"clusters-{number}", f"Sizes of clusters of {rule}", reading)
    table = Table(
        f"Sizes of clusters of {rule}, {curated.name}",
        columns("Records in a cluster#", "Clusters#", "Records in all#"),
        tuple((count(size), count(times), count(size * times)) for size, times in sizes),
    )
    note = (
        "A cluster is what hangs together by near-duplicates, whose ends may be less alike. A record goes only where one "
        "that stays was compared with it and is nearly the same."
    )
    card = curated.card(heading, reading, draw_sizes(_binned(sizes), caption, unit="clusters"))
    return replace(card, tables=(table,), note=note)


def _binned(sizes: list[tuple[int, int]]) -> list[tuple[str, int]]:
    """Sizes in words, and how many clusters: each its own, or from 5 on by powers of two."""
    if len(sizes) <= _EACH_SIZE:
        return [(plural(size, "record"), times) for size, times in sizes]
    bins: dict[str, int] = {}
    for size, times in sizes:
        power = (size - 1).bit_length()
        name = plural(size, "record") if size < 5 else f"{count(2 ** (power - 1) + 1)}–{count(2**power)}"
        bins[name] = bins.get(name, 0) + times
    return list(bins.items())


# --- prompts that splits share ---


def _leakage_card(curated: Curated, leakage: LeakageNotes) -> Card:
    names = {"exact": "Shared word by word", "near": "Nearly the same"}
    matrices = [Matrix(names[key], cells) for key in names if (cells := getattr(leakage, key)) is not None]
    reading = f"{_leakage_words(leakage)}{_leakage_removed(curated)}"
    note = (
        "Prompts that stood in both splits when the rule looked: what rules before it removed is not among them, what it "
        "removed itself is. Nearly the same: groups of prompts that are much alike, stand in both and share none word by "
        "word."
    )
    pairs = [(a, b) for a in range(len(leakage.splits)) for b in range(a)]
    rows = tuple(
        (f"{leakage.splits[b]} and {leakage.splits[a]}", *(_cell(matrix.cells[a][b]) for matrix in matrices))
        for a, b in pairs
    )
    table = Table(
        f"Prompts that splits share, {curated.name}",
        columns("Splits", *(f"{matrix.name}#" for matrix in matrices)),
        rows,
    )
    picture = None
    shared = any(cell for matrix in matrices for row in matrix.cells for cell in row)
    if shared and len(leakage.splits) <= _SPLITS_DRAWN:
        caption = curated.caption("leakage", "Prompts that splits share", reading)
        picture = draw_matrices(leakage.splits, matrices, caption)
    return replace(curated.card("prompts that splits share", reading, picture), tables=(table,), note=note)


def _cell(number: int | None) -> str:
    return "not counted" if number is None else count(number)


def _leakage_words(leakage: LeakageNotes) -> str:
    """The splits that share most, and how many pairs of splits share anything."""
    ways = {"exact": "word by word", "near": "nearly"}
    told = []
    for key, way in ways.items():
        cells = getattr(leakage, key)
        if cells is None:
            told.append(f"shared {way}: not looked for")
            continue
        shared = [(cells[a][b] or 0, leakage.splits[b], leakage.splits[a]) for a in range(len(cells)) for b in range(a)]
        most, one, other = max(shared)
        told.append(f"shared {way}: {'none' if not most else f'{count(most)} by {one} and {other}'}")
    several = ", most of each two splits" if len(leakage.splits) > 2 else ""
    return f"Prompts when the rule leakage looked{several}; {'; '.join(told)}."


def _leakage_removed(curated: Curated) -> str:
    steps = [step for step in curated.curation.notes.steps if step.rule == "leakage"]
    removed = sum(total(step.removed) for step in steps)
    return f" The rule leakage removed {plural(removed, 'record')} of train." if removed else ""
