"""`README.md`: the YAML that the hub and `datasets` read, and what a person should know before using the data.

Words that come from data or from people are escaped (`escaping.markdown`); the YAML is written by a YAML writer, in ASCII.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import yaml

from plumbline.curate.accounting import total
from plumbline.records import Kind
from plumbline.release.changes import change_lines, change_rows
from plumbline.release.facts import CONTENT_WARNING, Facts, card_configs, default_folders, folders_by_axis
from plumbline.release.gates import LEAKAGE, NEAR_NOT_LOOKED_FOR, NO_WORKERS, SHARED_ELSEWHERE, WORKERS, Status
from plumbline.release.layout import LINES_OF, not_said
from plumbline.release.names import RECORDS
from plumbline.release.notes import Counts
from plumbline.release.terms import (
    USES_TOLD,
    hub_licence,
    licence_address,
    licences_beside,
    licences_stated,
    origin_told,
)
from plumbline.release.texts.escaping import fenced, markdown, plain_paragraphs, plain_text, table

_TASKS = {Kind.COMPARISONS: "text-generation", Kind.SAFETY_LABELS: "text-classification"}
_TAGS = {
    Kind.COMPARISONS: ("human-feedback", "preference", "rlhf"),
    Kind.SAFETY_LABELS: ("safety", "moderation"),
    Kind.RED_TEAM_ATTEMPTS: ("red-teaming",),
    Kind.PROMPTS: ("prompts",),
}
_SIZES = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
)
KIND_TOLD = {
    Kind.COMPARISONS: "a judgement of two continuations of one conversation: `chosen` is the better on the axis that the "
    "folder's name begins with, of `harmless…` the less harmful one",
    Kind.SAFETY_LABELS: "whether a reply, judged together with its question, is safe, and in which categories it is harmful",
    Kind.RED_TEAM_ATTEMPTS: "a conversation in which somebody tried to make a model do harm",
    Kind.PROMPTS: "a question without a reply",
}


def card_text(facts: Facts) -> str:
    """The whole file."""
    front = yaml.safe_dump(front_matter(facts), sort_keys=False, allow_unicode=False, width=1_000)
    parts = [
        *_opening(facts),
        "## Contents\n\n" + _contents(facts),
        "## Loading\n\n" + _loading(facts),
        "## How it was made\n\n" + _making(facts),
        "## Gates\n\n" + _gates(facts),
        "## Permitted uses and licence\n\n" + _terms(facts),
        "## Changes\n\n" + changes_text(facts),
        "## Limits\n\n" + "\n".join(f"- {line}" for line in _limits(facts)),
        "## Citation\n\n" + fenced(citation(facts), "bibtex"),
    ]
    return f"---\n{front}---\n\n" + "\n\n".join(parts) + "\n"


def front_matter(facts: Facts) -> dict[str, Any]:
    """What stands in the YAML."""
    kinds = facts.kinds
    size = next((name for most, name in _SIZES if facts.rows < most), "n>10M")
    licence = hub_licence(facts.terms.licence)
    named = {} if licence != "other" else {"license_name": _slug(facts.terms.licence), "license_link": "LICENSE"}
    tags = [tag for kind in kinds for tag in _TAGS[kind]]
    front: dict[str, Any] = {
        "pretty_name": plain_text(facts.title),
        "license": licence,
        **named,
        **({"language": facts.languages} if facts.languages else {}),
        "size_categories": [size],
        "task_categories": [_TASKS[kind] for kind in kinds if kind in _TASKS] or ["other"],
        "tags": [*tags, *(["synthetic"] if facts.is_synthetic else []), "not-for-all-audiences", "plumbline"],
        "configs": [
            {
                "config_name": name,
                "data_files": [
                    {"split": split, "path": list(paths)} for split, paths in of_splits.items()
                ],  # else YAML refers
            }
            for name, of_splits in card_configs(facts.laid).items()
        ],
    }
    return front


def _slug(licence: str) -> str:
    return "".join(each if each.isalnum() or each in "-." else "-" for each in licence.lower()).strip("-")


def _opening(facts: Facts) -> Iterator[str]:
    yield f"# {markdown(facts.title)}"
    warning = facts.answers.content_warning
    told = "\n>\n> ".join(markdown(part) for part in plain_paragraphs(warning)) if warning else CONTENT_WARNING
    yield f"> **Content warning.** {told}"
    if facts.synthetic_told is not None:
        what, why = facts.synthetic_told
        yield f"**{what}**: {why}."
    for paragraph in plain_paragraphs(facts.answers.summary or ""):
        yield markdown(paragraph)
    told_kinds = "; ".join(f"**{kind.value.replace('_', ' ')}**: {KIND_TOLD[kind]}" for kind in facts.kinds)
    yield f"Version {facts.version}, {facts.created}. {told_kinds[:1].upper()}{told_kinds[1:]}."


def _contents(facts: Facts) -> str:
    rows = [
        [f"`{line_file.folder}`", f"`{line_file.split}`", LINES_OF[line_file.kind], f"{entry.rows:,}"]
        for line_file, entry in facts.laid.lines.items()
    ]
    rows += [
        [f"`{RECORDS}/{kind.value}`", f"`{split}`", "Parquet, every column", f"{entry.rows:,}"]
        for (kind, split), entry in facts.laid.tables.items()
    ]
    parts = [table(["folder", "split", "as", "rows"], rows)]
    parts.append(
        f"The tables under `{RECORDS}/` hold every record once, with its id, the ids of its parents, votes and source, and "
        f"{_workers(facts)}; the lines say the same records in the layouts of the public sets. What else stood in the lines that "
        "were read, and the folders they lay in, is no part of this release."
    )
    for kind, codes in facts.laid.not_in_lines.items():
        counted = ", ".join(f"{count:,} {not_said(code)}" for code, count in codes.items())
        parts.append(
            f"Of the {kind.value.replace('_', ' ')}, lines cannot say {counted}; these stand in the tables alone."
        )
    for name, safe in facts.laid.renamed.items():
        parts.append(f"What the data call {markdown(name)} is `{safe}` here.")
    return "\n\n".join(parts)


def _workers(facts: Facts) -> str:
    """Under what names workers stand, as far as that was checked."""
    gate = next((each for each in facts.gates if each.name == WORKERS), None)
    if gate is None or gate.status is not Status.PASSED:
        return "workers under names that are not all of the shape of a pseudonym, see Gates"
    if gate.said == NO_WORKERS:
        return "nobody's name as the one who judged"
    return "workers under names of the shape of pseudonyms (whose they are nobody checked)"


def loading_calls(facts: Facts, place: str) -> list[str]:
    """The documented ways to load it, each one expression of Python; the tests run every one.

    Args:
        place: the folder, as a Python literal.
    """
    calls = [f"datasets.load_dataset({place})"]
    configs = card_configs(facts.laid)
    splits = next(iter(configs.values()), {})
    if splits:
        calls.append(f'datasets.load_dataset({place}, split="{list(splits)[-1]}")')
    for folder in dict.fromkeys(each.folder for each in facts.laid.lines):
        calls += [f'datasets.load_dataset({place}, "{folder}")', f'datasets.load_dataset({place}, data_dir="{folder}")']
    calls += [f'datasets.load_dataset({place}, data_dir="{RECORDS}/{kind.value}")' for kind in facts.kinds]
    calls.append(f"plumbline.load({place})")
    calls += [
        f'plumbline.load({place}, data_dir="{folder}")'
        for folder in dict.fromkeys(each.folder for each in facts.laid.lines)
    ]
    return calls


def _loading(facts: Facts) -> str:
    body = "\n".join(["import datasets", "import plumbline", "", *loading_calls(facts, "RELEASE")])
    return (
        "`RELEASE` is this folder, or where it stands on a hub.\n\n"
        f"{fenced(body, 'python')}\n\n"
        f"`plumbline.load` of the whole folder reads the tables, each record once. `datasets` reads all configurations of one "
        f"card by one reader, so the tables are reached by `data_dir`, not by name.{_axes(facts)}"
    )


def _axes(facts: Facts) -> str:
    """Which folders were judged on what, where there are several axes: the default holds one alone."""
    folders = folders_by_axis(facts.laid)
    if len(folders) < 2:
        return ""
    of_default = set(default_folders(facts.laid))
    chosen = next(axis for axis, names in folders.items() if of_default.intersection(names))
    told = "; ".join(f"on {axis.value}: {', '.join(f'`{name}`' for name in names)}" for axis, names in folders.items())
    return (
        f"\n\nNothing mixes what was judged, for the lines do not say it. Judged {told}. The default configuration holds the pairs "
        f"on {chosen.value} alone; the others are reached by the name of their folder."
    )


def _making(facts: Facts) -> str:
    parts = []
    notes = facts.notes
    if notes is None:
        parts.append("No curation left notes: the records are those of the folder that it was made of.")
    else:
        recipe = notes.recipe
        parts.append(
            f"Recipe {markdown(recipe.name)}, version {markdown(str(recipe.version))} (SHA-256 `{_hex(recipe.digest)}`): "
            f"{notes.rows.read:,} lines or rows read, {total(notes.came_in):,} records of the kinds that it takes."
        )
        rows = [
            [markdown(step.rule), markdown(step.title), _told(step.before), _told(step.removed), _told(step.changed)]
            for step in notes.steps
        ]
        parts.append(table(["rule", "what it does", "rows before", "removed", "changed"], rows))
        apart = [f"{count:,} unreadable ({markdown(code)})" for code, count in notes.rows.quarantined.items()]
        apart += [
            f"{count:,} {markdown(kind)}, which the recipe does not take"
            for kind, count in notes.rows.not_taken.items()
        ]
        if notes.label_errors is not None:
            parts.append(
                f"The curation ranked {notes.label_errors.n:,} labels by how unlikely they are; that list "
                "(`curation/label_errors.parquet` in its notes) stays with the curation and is no part of this release."
            )
        if apart:
            parts.append(f"Set aside before the first rule: {', '.join(apart)}.")
    parts.append(f"Made of the folder with the manifest of SHA-256 `{_hex(facts.source_digest)}`.")
    behind = [f"`{_hex(digest)}`" for digest in facts.source.parents]
    if behind:
        parts.append("Its parents, the manifests of the folders that were read: " + ", ".join(behind) + ".")
    files = [f"{markdown(entry.path)} (`{_hex(entry.sha256)}`)" for entry in facts.source.inputs[:50]]
    if files:
        more = f" and {len(facts.source.inputs) - 50:,} more" if facts.source.inputs[50:] else ""
        parts.append(f"The files that were read: {', '.join(files)}{more}.")
    return "\n\n".join(parts)


def _hex(text: str) -> str:
    """A digest as it stands in a card: whatever else somebody wrote there."""
    return "".join(each for each in text if each in "0123456789abcdef")[:64]


def _told(counts: Counts) -> str:
    filled = [
        f"{markdown(kind)} {markdown(split)} {rows:,}"
        for kind, of in counts.items()
        for split, rows in of.items()
        if rows
    ]
    return ", ".join(filled) or "–"


def _gates(facts: Facts) -> str:
    rows = [
        [
            gate.name,
            gate.status.value if gate.status is not Status.ACCEPTED else "**failed, accepted**",
            markdown(gate.said) + (f"; accepted because: {markdown(gate.reason)}" if gate.reason else ""),
        ]
        for gate in facts.gates
    ]
    return table(["gate", "status", "what was found"], rows)


def _terms(facts: Facts) -> str:
    address = licence_address(facts.terms.licence)
    link = f" (<{address}>)" if address else ", see `LICENSE`"
    uses = "\n".join(f"- {use}: {USES_TOLD[use]}" for use in sorted(facts.terms.uses))
    refused = ", ".join(USES_TOLD[use] for use in sorted(set(USES_TOLD) - facts.terms.uses))
    not_for = f"\n\nNot for: {refused}." if refused else ""
    stated = f" {markdown(facts.stated_licence)} was stated for data that told none." if facts.stated_licence else ""
    licence, sources = facts.terms.licence, facts.source_licences
    if licences_beside(licence, sources) or (licences_stated(licence, sources) and not stated):
        origin = markdown(origin_told(licence, sources))
        stated += f" {origin[:1].upper()}{origin[1:]}. What the sources ask for holds for what comes from them."
    return f"Licence: {markdown(licence)}{link}.{stated} Permitted uses:\n\n{uses}{not_for}"


def changes_text(facts: Facts) -> str:
    """What changed since the release before, in a few lines and a table."""
    text = "\n".join(change_lines(facts.version, facts.changes))
    if facts.changes is None or not facts.changes.rows:
        return text
    header = ["folder", "split", "added", "removed", "changed", "moved"]
    return f"{text}\n\n{table(header, change_rows(facts.changes))}"


def _limits(facts: Facts) -> Sequence[str]:
    own = [markdown(limit) for limit in facts.answers.limits]
    usual = [
        "Judgements are opinions of the people who gave them: they disagree, and they are no measure of truth or of law.",
        "Personal data is looked for by pattern: names of people, and what only a reader understands, are not found so.",
    ]
    leakage = next((gate for gate in facts.gates if gate.name == LEAKAGE), None)
    _, shared, which = leakage.said.partition(SHARED_ELSEWHERE) if leakage is not None else ("", "", "")
    if shared:
        usual.append(f"{shared.capitalize()}{markdown(which)}.")
    if leakage is not None and leakage.status is Status.ACCEPTED:
        usual.append("Splits share prompts, see Gates: what is measured on one after training on another is too good.")
    elif leakage is not None and NEAR_NOT_LOOKED_FOR in leakage.said:
        usual.append(
            "No first human message of a split for training stands in another word for word; near duplicates were not looked for."
        )
    return [*own, *usual]


def citation(facts: Facts) -> str:
    """BibTeX: what was stated, else an entry made of title, authors, version and year."""
    if facts.answers.citation:
        return facts.answers.citation
    key = (
        "".join(each for each in (facts.answers.title or facts.name).lower() if each.isascii() and each.isalnum())
        or "dataset"
    )
    fields = {
        "title": facts.title,
        "author": " and ".join(facts.answers.authors),
        "year": facts.created[:4],
        "version": facts.version,
        "note": f"Manifest and checksums in the release; licence {facts.terms.licence}",
        "url": facts.answers.address or "",
    }
    lines = [f"  {name} = {{{_bibtex(value)}}}" for name, value in fields.items() if value]
    return f"@misc{{{key}{facts.created[:4]},\n" + ",\n".join(lines) + "\n}"


def _bibtex(text: str) -> str:
    plain = plain_text(text).replace("\\", "")
    return "".join(f"\\{each}" if each in "{}%#&_$" else each for each in plain)
