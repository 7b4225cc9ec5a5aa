"""A red-team page, second half: tags, reviewers, workers, families of attempts that are alike."""

from __future__ import annotations

from collections.abc import Iterator

from plumbline.redteam.analysis import RedTeamAnalysis
from plumbline.redteam.families import Families
from plumbline.redteam.reviewers import Agreement
from plumbline.redteam.workers import WorkerFigures
from plumbline.report.layout import Card, Table, columns, left_out_note
from plumbline.report.pictures.curation import draw_compact_dots, draw_sizes
from plumbline.report.pictures.drawing import FIRST, SECOND
from plumbline.report.pictures.redteam import CountRow, draw_counts, draw_together
from plumbline.report.pictures.redteam_points import draw_workers
from plumbline.report.pictures.rows import DotRow, Series, draw_dots
from plumbline.report.redteam.success import caption
from plumbline.report.wording import capitalised, count, figure_cell, percent, plural

_TAGS_DRAWN, _TAGS_LISTED = 20, 200
_WORKERS_DRAWN = 20
_REVIEWERS = Series("reviewers among themselves", FIRST, "o")
_WITH_ATTACKERS = Series("reviewers and attackers", SECOND, "D", filled=False)
_MEASURES = {
    "on_scale": "Fleiss' kappa, on the scale of 0 to 4",
    "binarised": "Fleiss' kappa, 3 and more against less",
    "ordinal": "Krippendorff's alpha, ordinal",
}


# --- tags ---


def tag_cards(found: RedTeamAnalysis, *, synthetic: bool) -> Iterator[Card]:
    """How often tags were given, and which together."""
    tags = found.tags
    if not tags.tags:
        told = "no attempt was tagged" if not tags.tagged else "no tag was given"
        yield Card("Tags", f"There is nothing to count: {told}.", synthetic)
        return
    most = tags.tags[0]
    reading = (
        f"Of {plural(tags.tagged, 'attempt')} that somebody looked at for tags, “{most.tag}” was given to most: "
        f"{count(most.attempts)}, a share of {figure_cell(most.share)}."
    )
    rows = [
        CountRow(each.tag, each.attempts, round((each.success.value or 0) * each.success.n))
        for each in tags.tags[:_TAGS_DRAWN]
    ]
    table = Table(
        "Tags, and how often attempts with them succeeded",
        columns("Tag", "Attempts#", "Share of those tagged", "Share that succeeded"),
        tuple(
            (each.tag, count(each.attempts), figure_cell(each.share), figure_cell(each.success))
            for each in tags.tags[:_TAGS_LISTED]
        ),
        notes=(f"{count(len(tags.tags) - _TAGS_LISTED)} more are not listed.",)
        if len(tags.tags) > _TAGS_LISTED
        else (),
    )
    named = caption("tags", "Tags by how many attempts have them", reading, synthetic=synthetic)
    yield Card(
        "Tags",
        reading,
        synthetic,
        draw_counts(rows, named, unit="attempts with the tag"),
        tables=(table,),
        note=left_out_note(_TAGS_DRAWN, len(tags.tags)),
    )
    if len(tags.together) > 1:
        yield _together_card(found, synthetic=synthetic)


def _together_card(found: RedTeamAnalysis, *, synthetic: bool) -> Card:
    names, counts = found.tags.together, found.tags.counts
    pairs = sorted(
        ((counts[one][other], names[one], names[other]) for one in range(len(names)) for other in range(one)),
        key=lambda pair: (-pair[0], pair[1], pair[2]),
    )
    reading = "No attempt has two of these tags."
    if pairs[0][0]:
        reading = f"The two that occur together most: “{pairs[0][2]}” and “{pairs[0][1]}”, in {plural(pairs[0][0], 'attempt')}."
    named = caption("together", "Tags that occur together", reading, synthetic=synthetic)
    table = Table(
        "Tags that occur together",
        columns("Tag", "With", "Attempts#"),
        tuple((one, other, count(number)) for number, other, one in pairs),
    )
    left_out = left_out_note(len(names), len(found.tags.tags), "commonest")
    picture = draw_together(names, counts, named)
    return Card("Tags that occur together", reading, synthetic, picture, tables=(table,), note=left_out)


# --- reviewers ---


def reviewers_card(found: RedTeamAnalysis, *, synthetic: bool) -> Card:
    """How far those agree who rated the same transcript."""
    reviewers = found.reviewers
    if not reviewers.reviewed:
        return Card("Agreement of reviewers", "No transcript was reviewed.", synthetic)
    sides = {_REVIEWERS: reviewers.among_themselves, _WITH_ATTACKERS: reviewers.with_attackers}
    reading = (
        f"{capitalised(plural(reviewers.reviewers, 'reviewer'))} rated {plural(reviewers.reviewed, 'transcript')}, "
        f"{count(reviewers.reviews)} ratings in all. Among themselves, with 3 and more against less: "
        f"{figure_cell(reviewers.among_themselves.binarised)}."
    )
    rows = [
        DotRow(name, tuple((series, getattr(agreement, key)) for series, agreement in sides.items()))
        for key, name in _MEASURES.items()
    ]
    named = caption("reviewers", "Agreement of reviewers", reading, synthetic=synthetic)
    picture = (
        draw_dots(rows, named, unit="agreement beyond chance", references=(0.0,))
        if _any_known(*sides.values())
        else None
    )
    table = Table(
        "Agreement of reviewers",
        columns("Measure", "Reviewers among themselves", "Reviewers and attackers"),
        tuple(
            (name, *(figure_cell(getattr(agreement, key)) for agreement in sides.values()))
            for key, name in _MEASURES.items()
        ),
    )
    note = "n counts transcripts with at least two ratings; 1 is full agreement, 0 what chance would give."
    return Card("Agreement of reviewers", reading, synthetic, picture, tables=(table,), note=note)


def _any_known(*agreements: Agreement) -> bool:
    return any(getattr(each, key).value is not None for each in agreements for key in _MEASURES)


# --- workers ---


def worker_cards(found: RedTeamAnalysis, *, synthetic: bool) -> Iterator[Card]:
    """How many attempts each worker made, and how many of them succeeded."""
    workers = found.workers
    if not workers.workers:
        yield Card("Workers", "No attempt says who made it.", synthetic)
        return
    reading = (
        f"{capitalised(plural(workers.workers, 'worker'))} made {plural(found.attempts - workers.unknown, 'attempt')}"
    )
    reading += f"; {plural(workers.half, 'worker')} made half of them." if workers.half else "."
    table = Table(
        "Workers by attempts",
        columns("Worker", "Attempts#", "Share that succeeded"),
        tuple((each.worker, count(each.attempts), figure_cell(each.success)) for each in workers.busiest),
        notes=(f"{count(workers.workers - len(workers.busiest))} who made fewer are not listed.",)
        if workers.workers > len(workers.busiest)
        else (),
    )
    lines = [f"{count(workers.unknown)} attempts do not say who made them."] if workers.unknown else []
    rates = [(each.attempts, each.success.value) for each in workers.busiest if each.success.value is not None]
    if len(workers.busiest) < workers.workers:
        lines.append(f"The {len(workers.busiest)} who made most are drawn.")
    named = caption("workers", "Workers by attempts and success", reading, synthetic=synthetic)
    picture = draw_workers(rates, named) if rates else None
    yield Card("Workers", reading, synthetic, picture, tables=(table,), note=" ".join(lines) or None)
    defined = [each for each in workers.busiest[:_WORKERS_DRAWN] if each.success.value is not None]
    if len(defined) > 1:
        yield _busiest_card(defined, synthetic=synthetic)


def _busiest_card(defined: list[WorkerFigures], *, synthetic: bool) -> Card:
    ordered = sorted(defined, key=lambda each: (-(each.success.value or 0.0), each.worker))
    best, least = ordered[0], ordered[-1]
    reading = (
        f"Of the {len(defined)} who made most attempts {best.worker} succeeded in the largest share, "
        f"{figure_cell(best.success)}, and {least.worker} in the smallest, {figure_cell(least.success)}."
    )
    named = caption("busiest", "Success of the workers who made most attempts", reading, synthetic=synthetic)
    rows = [(each.worker, each.success) for each in ordered]
    picture = draw_compact_dots(rows, named, unit="share that succeeded", reference=0.5)
    table = Table(
        "Success of the workers who made most attempts",
        columns("Worker", "Attempts#", "Share that succeeded"),
        tuple((each.worker, count(each.attempts), figure_cell(each.success)) for each in ordered),
    )
    note = "Intervals draw the openings of attempts."
    return Card("Workers who made most attempts", reading, synthetic, picture, tables=(table,), note=note)


# --- families ---


def family_cards(found: RedTeamAnalysis, *, synthetic: bool) -> Iterator[Card]:
    """Near-duplicates, and moulds."""
    yield _families_card(
        "near-duplicates",
        "Attempts nearly the same as others",
        f"by all that was said, a similarity of {found.near_duplicates.threshold:g} or more",
        found.near_duplicates,
        synthetic=synthetic,
    )
    yield _families_card(
        "moulds",
        "Attempts of one worker from one mould",
        f"by the opening with names, numbers and quotations masked, a similarity of {found.moulds.threshold:g} or more",
        found.moulds,
        synthetic=synthetic,
    )


def _families_card(key: str, heading: str, how: str, families: Families, *, synthetic: bool) -> Card:
    if not families.families:
        return Card(heading, f"None of {plural(families.of, 'attempt')} ({how}).", synthetic)
    reading = (
        f"{capitalised(plural(families.attempts, 'attempt'))} ({percent(families.attempts, families.of)} of "
        f"{count(families.of)}) stand in {count(families.families)} {'family' if families.families == 1 else 'families'} "
        f"({how}); the largest holds {count(families.largest[0].attempts)}."
    )
    sizes = Table(
        f"{heading}: sizes of families",
        columns("Attempts#", "Families#"),
        tuple((count(size), count(number)) for size, number in families.sizes.items()),
    )
    largest = Table(
        f"{heading}: the largest families",
        columns("First attempt", "Attempts#", "Workers#", "Share that succeeded"),
        tuple(
            (each.first, count(each.attempts), count(each.workers), figure_cell(each.success))
            for each in families.largest
        ),
    )
    named = caption(key, heading, reading, synthetic=synthetic)
    bars = [(plural(size, "attempt"), number) for size, number in sorted(families.sizes.items())]
    picture = draw_sizes(_few(bars), named, unit="families")
    return Card(heading, reading, synthetic, picture, tables=(sizes, largest))


_SIZES_DRAWN = 10


def _few(bars: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """The bars of small families; those of larger ones share one."""
    if len(bars) <= _SIZES_DRAWN:
        return bars
    rest = sum(number for _, number in bars[_SIZES_DRAWN - 1 :])
    return [*bars[: _SIZES_DRAWN - 1], ("more", rest)]
