"""Where the figures come from: files, digests, licences, permitted uses, commands."""

from __future__ import annotations

from collections.abc import Sequence

from plumbline.lineage import FileEntry, Manifest
from plumbline.report.curation.subjects import Curated
from plumbline.report.inputs import Found, ModelDescription, ReportInputs
from plumbline.report.layout import Card, Section, Subject, Table, columns
from plumbline.report.recipe_words import describe_recipe
from plumbline.report.releases import releases_card
from plumbline.report.wording import NOT_STATED, count, listed, marked, plural, short_argument, short_digest, short_path

_OPEN_ROWS = 8
"""A longer table is folded away."""


def provenance(inputs: ReportInputs, subjects: tuple[Subject, ...], curated: tuple[Curated, ...] = ()) -> Section:
    """Every file read, every model, every curation, every run."""
    cards = [_files_card(inputs, subjects)]
    if inputs.models:
        cards.append(_models_card(inputs.models))
    if curated:
        cards.append(_curations_card(curated))
    if (releases := releases_card(inputs.manifests)) is not None:
        cards.append(releases)
    if inputs.manifests:
        cards.append(_runs_card(inputs.manifests))
    return Section(
        "provenance",
        "Provenance",
        "What this page was made from. Digests are SHA-256, their first twelve characters.",
        tuple(cards),
    )


def files_table(files: Sequence[FileEntry]) -> Table:
    """The files that a page of its own was made from."""
    return Table(
        "Files read",
        columns("File", "SHA-256, first twelve characters", "Rows#"),
        tuple(
            (short_path(file.path), short_digest(file.sha256), NOT_STATED if file.rows is None else count(file.rows))
            for file in files
        ),
    )


def _files_card(inputs: ReportInputs, subjects: tuple[Subject, ...]) -> Card:
    files = _files_table(inputs, subjects)
    passed_over = inputs.passed_over
    told = f"Passed over, since Plumbline did not write them: {listed(passed_over)}." if passed_over else None
    return _folded_by_length(
        "Files",
        f"{plural(len(files.rows), 'file')} read.",
        inputs.wholly_synthetic,
        [*([_evaluated_table(subjects)] if subjects else []), files],
        partly=inputs.synthetic and not inputs.wholly_synthetic,
        note=told,
    )


def _folded_by_length(
    heading: str, reading: str, synthetic: bool, tables: list[Table], *, partly: bool = False, note: str | None = None
) -> Card:
    """A card of the page's width whose first table is in sight where it is short; the others are folded away."""
    shown = 1 if tables and len(tables[0].rows) <= _OPEN_ROWS else 0
    return Card(
        heading,
        reading,
        synthetic,
        tables=tuple(tables[shown:]),
        open_tables=tuple(tables[:shown]),
        note=note,
        wide=True,
        partly=partly,
    )


def _files_table(inputs: ReportInputs, subjects: tuple[Subject, ...]) -> Table:
    rows = [
        ("check", found.place, marked(found.content.name, found.content.synthetic), short_digest(found.sha256))
        for found in inputs.checks
    ]
    rows += [
        ("evaluation", found.place, marked(subject.name, found.content.synthetic), short_digest(found.sha256))
        for found, subject in zip(inputs.evaluations, subjects, strict=True)
    ]
    rows += [
        (
            "model",
            found.place,
            marked(found.content.name or "unnamed", found.content.synthetic),
            short_digest(found.sha256),
        )
        for found in inputs.models
    ]
    rows += [
        ("curation", found.place, marked(found.content.name, found.content.synthetic), short_digest(found.sha256))
        for found in inputs.curations
    ]
    rows += [("manifest", found.place, "", short_digest(found.sha256)) for found in inputs.manifests]
    return Table("Files read", columns("Kind", "File", "Name", "Digest"), tuple(rows))


def _evaluated_table(subjects: tuple[Subject, ...]) -> Table:
    return Table(
        "What was evaluated on what",
        columns("Evaluation", "Model", "Source", "Split", "Axis", "Note"),
        tuple(
            (
                marked(subject.name, subject.evaluation.synthetic),
                short_path(subject.evaluation.model),
                short_path(subject.evaluation.source),
                subject.evaluation.split or "not one split",
                subject.evaluation.axis or "none",
                subject.evaluation.note or "",
            )
            for subject in subjects
        ),
    )


def _models_card(models: tuple[Found[ModelDescription], ...]) -> Card:
    rows, data = [], []
    for found in models:
        model = found.content
        name = model.name or found.place
        terms = model.terms
        rows.append(
            (
                marked(name, model.synthetic),
                model.task or NOT_STATED,
                model.axis or "none",
                describe_recipe(model.recipe) or NOT_STATED,
                model.created or NOT_STATED,
                (terms.licence if terms else None) or NOT_STATED,
                _uses(terms.uses if terms else None),
            )
        )
        data += [
            (
                name,
                short_path(part.path),
                NOT_STATED if part.rows is None else count(part.rows),
                short_digest(part.sha256),
            )
            for part in model.data
        ]
    tables = [
        Table(
            "Models", columns("Model", "Task", "Axis", "Features", "Created", "Licence", "Permitted uses"), tuple(rows)
        )
    ]
    if data:
        tables.append(
            Table("What the models were trained on", columns("Model", "File", "Rows#", "Digest"), tuple(data))
        )
    marks = [found.content.synthetic for found in models]
    reading = f"{plural(len(models), 'model')}; licences: {listed(sorted({row[5] for row in rows}))}."
    return _folded_by_length("Models", reading, all(marks), tables, partly=any(marks) and not all(marks))


def _curations_card(curated: tuple[Curated, ...]) -> Card:
    rows = []
    for each in curated:
        recipe, manifest = each.curation.notes.recipe, each.curation.manifest
        parents = [short_digest(digest) for digest in (manifest.parents if manifest else [])]
        made_of = [short_digest(digest) for digest in (manifest.ancestors if manifest else [])]
        rows.append(
            (
                marked(each.name, each.curation.synthetic),
                recipe.name,
                str(recipe.version),
                short_digest(recipe.digest),
                recipe.title,
                listed(parents) or "none",
                listed(made_of) or "none",
            )
        )
    names = columns("Curation", "Recipe", "Version#", "Recipe's digest", "Title", "Parents", "Made of")
    note = (
        "Parents are the manifests of the Plumbline folders that were read; the files that were read stand under Runs, with "
        "their digests. Made of: files that the inputs were converted from."
    )
    recipes = listed(sorted({f"{row[1]} {row[2]}" for row in rows}))
    marks = [each.curation.synthetic for each in curated]
    return _folded_by_length(
        "Curations",
        f"{plural(len(rows), 'curation')}; recipes: {recipes}.",
        all(marks),
        [Table("Curations", names, tuple(rows))],
        partly=any(marks) and not all(marks),
        note=note,
    )


def _uses(uses: list[str] | None) -> str:
    if uses is None:
        return NOT_STATED
    return ", ".join(uses) or "none"


def _runs_card(manifests: tuple[Found[Manifest], ...]) -> Card:
    runs, files = [], []
    for found in manifests:
        manifest = found.content
        uses = _uses(None if manifest.uses is None else [str(use) for use in manifest.uses])
        runs.append(
            (
                found.place,
                " ".join(map(short_argument, manifest.command)),
                "none" if manifest.seed is None else str(manifest.seed),
                manifest.created,
                manifest.licence or NOT_STATED,
                f"{uses} (overridden)" if manifest.uses_overridden else uses,
            )
        )
        for way, entries in (("read", manifest.inputs), ("written", manifest.outputs)):
            files += [
                (
                    found.place,
                    way,
                    short_path(entry.path),
                    "" if entry.rows is None else count(entry.rows),
                    short_digest(entry.sha256),
                )
                for entry in entries
            ]
    tables = [
        Table("Runs", columns("Manifest", "Command", "Seed#", "Created", "Licence", "Permitted uses"), tuple(runs))
    ]
    if files:
        names = columns("Manifest", "Read or written", "File", "Rows#", "Digest")
        tables.append(Table("Files of the runs", names, tuple(files)))
    overridden = sum(found.content.uses_overridden for found in manifests)
    told = f"; {plural(overridden, 'run')} overrode the permitted uses" if overridden else ""
    return _folded_by_length("Runs", f"{plural(len(manifests), 'run')}{told}.", False, tables)
