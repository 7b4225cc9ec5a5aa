"""`datasheet.md`: the questions of Gebru et al. 2021, answered by people where they did, else from what the manifests say.

What neither tells is "Not stated.", and counted: nothing is made up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby

from plumbline.curate.accounting import total
from plumbline.curate.recipe_steps import MASKING
from plumbline.records import Kind
from plumbline.release.facts import CONTENT_WARNING, Facts
from plumbline.release.gates import Gate
from plumbline.release.layout import not_said
from plumbline.release.notes import DEALING, changed_by, masked_by, removed_by
from plumbline.release.plurals import counted
from plumbline.release.terms import USES_TOLD, origin_told
from plumbline.release.texts.card import KIND_TOLD
from plumbline.release.texts.escaping import markdown, plain_paragraphs
from plumbline.release.texts.questions import QUESTIONS

NOT_STATED = "Not stated."
_SOURCE = (
    "The questions are those of Gebru et al., *Datasheets for Datasets*, Communications of the ACM 64(12), 2021, in short words "
    "of our own. What is marked † follows from the manifests and was written by a program."
)


def datasheet_text(facts: Facts) -> str:
    """The whole file."""
    answers = datasheet_answers(facts)
    parts = [f"# Datasheet: {markdown(facts.title)}, version {facts.version}", _SOURCE]
    for section, questions in groupby(QUESTIONS, key=lambda question: question.section):
        parts.append(f"## {section}")
        parts += [f"**{question.asked}**\n\n{answers.get(question.key, NOT_STATED)}" for question in questions]
    return "\n\n".join(parts) + "\n"


def unanswered(facts: Facts) -> list[str]:
    """The keys of the questions that nobody and nothing answers; the comments that close a section need no answer."""
    answers = datasheet_answers(facts)
    return [each.key for each in QUESTIONS if each.key not in answers and not each.key.endswith("_comments")]


def datasheet_answers(facts: Facts) -> dict[str, str]:
    """Key → answer in Markdown, of the questions that have one."""
    told = {key: f"{text} †" for key, text in _from_facts(facts) if text}
    stated = {
        key: "\n\n".join(markdown(part) for part in plain_paragraphs(text))
        for key, text in facts.answers.datasheet.items()
    }
    return {**told, **stated}


def _from_facts(facts: Facts) -> Iterator[tuple[str, str]]:
    yield from _about_people(facts)
    yield from _composition(facts)
    yield from _collection(facts)
    yield from _processing(facts)
    yield from _afterwards(facts)


def _about_people(facts: Facts) -> Iterator[tuple[str, str]]:
    if facts.answers.authors:
        yield "creators", ", ".join(markdown(author) for author in facts.answers.authors) + "."
    if facts.answers.contact:
        yield "contact", markdown(facts.answers.contact)
        yield "maintainers", f"Whoever is reached at {markdown(facts.answers.contact)}."
    if facts.answers.address:
        yield "how_distributed", f"As a folder of files with checksums, at {markdown(facts.answers.address)}."


def _composition(facts: Facts) -> Iterator[tuple[str, str]]:
    kinds = facts.kinds
    yield "instances", "; ".join(f"{kind.value.replace('_', ' ')}: {KIND_TOLD[kind]}" for kind in kinds) + "."
    counts = [
        f"{sum(of.values()):,} {kind.value.replace('_', ' ')} ({', '.join(f'{split} {rows:,}' for split, rows in of.items())})"
        for kind in kinds
        if (of := facts.rows_of(kind))
    ]
    yield "instance_counts", "; ".join(counts) + "."
    yield "instance_data", _texts(facts)
    yield "labels", _labels(kinds)
    missing = [
        f"{count:,} {kind.value.replace('_', ' ')} {not_said(code)}"
        for kind, codes in facts.laid.not_in_lines.items()
        for code, count in codes.items()
    ]
    columns = [
        f"{column} of {count:,} {kind.value.replace('_', ' ')}"
        for kind, of in facts.laid.columns_not_in_lines.items()
        for column, count in of.items()
    ]
    told = "; ".join([*missing, *columns]) or "nothing of it"
    yield "missing_information", f"{_left_out(facts)} Lines have no place for: {told}."
    yield (
        "relationships",
        (
            "Yes, in the tables: item_id finds repeated judgements, group_id rows of one prompt, parents the records that a record "
            "was made of, worker whose judgement it is where that is known."
        ),
    )
    yield "splits", _splits(facts)
    yield "external_resources", "It stands alone."
    yield "offensive", CONTENT_WARNING
    yield (
        "identifiable",
        f"{_gate(facts, 'workers')} {_gate(facts, 'personal-data')} Names in texts are not found by pattern.",
    )


def _labels(kinds: list[Kind]) -> str:
    told = {
        Kind.COMPARISONS: "which continuation is better, on helpfulness, harmlessness or overall",
        Kind.SAFETY_LABELS: "safe or not, and the categories of harm",
        Kind.RED_TEAM_ATTEMPTS: "ratings of success where they were given",
        Kind.PROMPTS: "the category of harm that a prompt is about",
    }
    return "Yes: " + "; ".join(told[kind] for kind in kinds) + "."


def _texts(facts: Facts) -> str:
    """Whether texts are what they were when they were read: a rule masks, here or before, or none does."""
    told = "Texts of conversations, message by message, and what was judged of them."
    masked = [f"the rule {MASKING} masked personal data in {_masked(facts)}"] if _masked(facts) else []
    if facts.masked_before:
        masked.append(f"a curation before masked it in {counted(facts.masked_before, 'record that it wrote')}")
    if masked and (_is_masked_here(facts) or facts.masked_before):
        return f"{told} Not as they were: {'; '.join(masked)}; no rule changed other texts."
    if masked and facts.masked_before is not None:
        return f"{told} As they were: {masked[0]}; no rule changed other texts."
    if facts.masked_before is None:
        return (
            f"{told} No rule of this curation changed a text; what was done to them before is not told in what is here."
        )
    return f"{told} No rule changed a text."


def _masked(facts: Facts) -> str:
    """How many records the rule masked, and how many of these are here, for rules that run later remove some."""
    masked = masked_by(facts.notes)
    if not masked:
        return ""
    told = {None: "some may have been removed since", 0: "none is here", 1: "1 is here"}
    return f"{counted(masked, 'record')} of what was read, of which {told.get(facts.masked_left, f'{facts.masked_left or 0:,} are here')}"


def _is_masked_here(facts: Facts) -> bool:
    """Whether records stand here that the rule masked; also where nothing says that all of them were removed."""
    return bool(_masked(facts)) and facts.masked_left != 0


def _left_out(facts: Facts) -> str:
    """What the source had and the tables have not."""
    notes = facts.notes
    if notes is None:
        before = (
            f"; what was masked before in {counted(facts.masked_before, 'record')} is in none"
            if facts.masked_before
            else ""
        )
        return (
            "The tables have every record, with every column, of the folder that this was made of, but the lines as they were "
            f"read{before}."
        )
    told = []
    if _is_masked_here(facts):
        told.append(f"what was masked in {_masked(facts)}")
    if removed := removed_by(notes, merging=False):
        told.append(f"{counted(removed, 'record')} that rules removed")
    if merged := removed_by(notes, merging=True):
        told.append(f"{merged:,} judgements as records of their own, which were made one with others of their item")
    if unread := sum(notes.rows.quarantined.values()):
        told.append(f"{counted(unread, 'line')} or rows that could not be read")
    if not_taken := sum(notes.rows.not_taken.values()):
        told.append(f"{counted(not_taken, 'record')} of kinds that the recipe does not take")
    if not told:
        return "The tables have every record of what was read, with every column, but the lines as they were read."
    return f"The tables have not, of what was read: {'; '.join(told)}. They have every column of the records that are left, but the lines as they were read."


def _splits(facts: Facts) -> str:
    names = ", ".join(sorted({split for _, split in facts.laid.tables}))
    dealt = 0 if facts.notes is None else changed_by(facts.notes, DEALING)
    drawn = (
        f"{dealt:,} records had none and were given one by the rule {DEALING}; all others are" if dealt else "All are"
    )
    return f"{names}. {drawn} as in what was read. {_gate(facts, 'leakage')}"


def _gate(facts: Facts, name: str) -> str:
    gate: Gate | None = next((each for each in facts.gates if each.name == name), None)
    return "" if gate is None else f"Gate {name}, {gate.status.value}: {markdown(gate.said)}."


def _collection(facts: Facts) -> Iterator[tuple[str, str]]:
    synthetic = "" if facts.synthetic_told is None else f"{': '.join(facts.synthetic_told)}."
    study = facts.study
    if study is None:
        yield "acquisition", synthetic
        return
    kind = markdown(str(study.get("study_kind", "")))
    versions = study.get("guidelines_versions")
    told = f", under versions {', '.join(map(str, versions))} of its guidelines" if isinstance(versions, list) else ""
    yield (
        "mechanisms",
        (
            f"A study of kind {kind} in Plumbline's web app{told}; its file has SHA-256 "
            f"`{markdown(str(study.get('study_file_sha256', '')))}`."
        ),
    )
    # Whoever made up what is judged may have made up who judges: then nothing is said of people.
    if facts.is_synthetic:
        yield "acquisition", f"Judgements, given in the app, one act at a time. {synthetic}"
    else:
        yield "acquisition", "Judgements of people, given in the app, one act at a time."
        yield "directness", "From the people who judged, in the app."
    people, assignments = study.get("people"), study.get("assignments")
    if isinstance(people, Mapping):
        who = "Accounts" if facts.is_synthetic else "People"
        counted = ", ".join(f"{count} ({markdown(str(purpose))})" for purpose, count in people.items())
        yield (
            "collectors",
            f"{who} of the study, under pseudonyms: {counted}; {assignments} assignments. How they were paid: not stated.",
        )
    yield "time_frame", f"Up to {markdown(str(study.get('as_of', '')))}."


def _processing(facts: Facts) -> Iterator[tuple[str, str]]:
    notes = facts.notes
    if notes is None:
        yield "preprocessing", "None by Plumbline beyond the reading and writing of formats."
    else:
        rules = ", ".join(markdown(step.rule) for step in notes.steps)
        yield (
            "preprocessing",
            (
                f"Recipe {markdown(notes.recipe.name)}, version {markdown(str(notes.recipe.version))}; its rules in order: {rules}. What each "
                "removed stands in README.md; each removed row is named in the notes of the curation."
            ),
        )
        yield "noise", "What the rules looked for and found stands in README.md; labels are opinions and disagree."
        yield (
            "sample",
            f"{facts.rows:,} of {total(notes.came_in):,} records that came in; the others are accounted for rule by rule.",
        )
    digests = ", ".join(f"`{markdown(entry.sha256)}`" for entry in facts.source.inputs[:20])
    if digests:
        yield "raw_data", f"Not in this release. The files that were read are known by their SHA-256: {digests}."
    version = facts.source.versions.get("plumbline-rlhf", "")
    yield (
        "software",
        f"Yes: Plumbline (plumbline-rlhf {markdown(version)}), Apache-2.0, with the recipe by name and digest.",
    )


def _afterwards(facts: Facts) -> Iterator[tuple[str, str]]:
    uses = ", ".join(USES_TOLD[use] for use in sorted(facts.terms.uses))
    yield "other_uses", f"Permitted: {uses}."
    refused = [USES_TOLD[use] for use in sorted(set(USES_TOLD) - facts.terms.uses)]
    if refused:
        yield "not_for", f"Not permitted: {', '.join(refused)}."
    origin = origin_told(facts.terms.licence, facts.source_licences)
    yield "licence", f"{markdown(facts.terms.licence)}, see `LICENSE`; {markdown(origin)}."
    yield "when_distributed", f"Version {facts.version} was made on {facts.created}."
    if facts.changes is not None:
        yield "updates", f"This is version {facts.version}, after {markdown(facts.changes.version)}: see `CHANGES.md`."
        yield "older_versions", f"The release before is known by the SHA-256 of its manifest, `{facts.changes.digest}`."
