"""Work done through the API, and what the kinds make of it: read one assignment at a time, not as an export reads it."""

import gzip
import io
import json
import zipfile
from datetime import timedelta
from pathlib import Path

import plumbline
from plumbline.collect.export import stream_export, write_export
from plumbline.collect.kinds import (
    Purpose,
    attempt_of,
    comparisons_of,
    rows_per_assignment,
    rulings_for,
    safety_labels_of,
    side_labels_of,
)
from plumbline.collect.service.held_work import hold
from plumbline.collect.store.assignments import submitted_by
from plumbline.collect.store.people import list_people
from plumbline.collect.store.rows import Role
from plumbline.lineage import StatedTerms
from plumbline.records import Kind, records_from_table
from tests.collect.api.client import EXAMPLES, START

STATED = StatedTerms()
LATER = START + timedelta(days=1)


def export(api, study, out, to, **more):
    """An export of what there is now, as a folder."""
    given = {"stated": STATED, "now": api.now, "command": ["test"]} | more
    return write_export(api.store, study, Path(out), to, **given)


def archive(api, study, to, **more):
    """The same as an archive: names and bytes."""
    given = {"stated": STATED, "now": api.now, "command": ["test"]} | more
    return unzipped(b"".join(stream_export(api.store, study, to, **given)), study, to)


def unzipped(data, study, to):
    """The files of an archive, by their names in the one folder that all are in."""
    with zipfile.ZipFile(io.BytesIO(data)) as opened:
        assert opened.testzip() is None
        folder = f"{study}-{to}/"
        assert all(name.startswith(folder) for name in opened.namelist())
        return {name.removeprefix(folder): opened.read(name) for name in opened.namelist()}


def read(folder, kind=Kind.COMPARISONS):
    """The records of an export."""
    return list(records_from_table(plumbline.load(folder).tables[kind]))


def lines(path):
    """The lines of a file, read as JSON."""
    with gzip.open(path) as file:
        return [json.loads(line) for line in file.read().split(b"\n") if line]


def manifest(folder):
    return json.loads((Path(folder) / "manifest.json").read_text())


def _works(api, known):
    """All finished work by what it is for."""
    works = {purpose: [] for purpose in Purpose}
    for person in list_people(api.store):
        for purpose in Purpose:
            for assignment in submitted_by(api.store, known.id, person.id, purpose):
                works[purpose].append(hold(api.collecting, assignment.id, person).work)
    return works


def sides_made(api, study):
    """The labels of the two sides of each pair in a study's rankings, by row and side."""
    known = api.collecting.catalogue.named(study)
    works, rows = _works(api, known), rows_per_assignment(known.settings)
    labels = []
    for work in works[Purpose.WORK]:
        rulings = rulings_for(work, works[Purpose.ADJUDICATION])
        labels += side_labels_of(work, known.settings, int(work.assignment_id) * rows, rulings)
    return {(each.row, each.side): each for each in labels}


def kinds_made(api, study):
    """(comparisons, labels, attempts) of all finished work, by the functions of the kinds; one worker a ranking."""
    known = api.collecting.catalogue.named(study)
    works = _works(api, known)
    settings, adjudications = known.settings, works[Purpose.ADJUDICATION]
    rows = rows_per_assignment(settings)
    comparisons, labels, attempts = [], [], []
    for work in works[Purpose.WORK]:
        row = int(work.assignment_id) * rows
        rulings = rulings_for(work, adjudications) if settings.kind == "two-axis-ranking" else None
        comparisons += comparisons_of(work, settings, Purpose.WORK, row, rulings)
        labels += safety_labels_of(work, settings, Purpose.WORK, row)
        if settings.kind == "red-team-chat":
            own = [each for each in works[Purpose.REVIEW] if each.payload["attempt"] == work.assignment_id]
            attempt = attempt_of(work, settings, own, row)
            attempts += [attempt] if attempt else []
    for work in adjudications:
        labels += safety_labels_of(work, settings, Purpose.ADJUDICATION, int(work.assignment_id) * rows)
    return tuple(sorted(made, key=lambda record: record.row) for made in (comparisons, labels, attempts))


# --- a study of each kind ---


def pairs(api, *, workers=2, name="pairs", **replaced):
    """Pairs on both axes; worker n says the n-th of these steps."""
    text = (EXAMPLES / "pairs.toml").read_text().split("[attention]")[0].replace('"pairs"', f'"{name}"', 1)
    for old, new in replaced.items():
        text = text.replace(old, new)
    study = api.study(text)["name"]
    api.enter(study, "comparisons.jsonl")
    tokens = [api.somebody() for _ in range(workers)]
    for number, worker in enumerate(tokens):
        while (work := api.next(study, worker))["assignment"] is not None:
            api.submitted(
                work, worker, act="judge-pair", helpfulness=1 + number, harmlessness=8 - number, comment="a comment"
            )
    return study, tokens


def chat(
    api, study, token, *, before=(), after, turns, step=2, edit=None, said="How do I get my neighbour to be quiet"
):
    """One whole conversation; every turn is judged the same."""
    work = api.next(study, token)
    for submission in before:
        api.submitted(work, token, **submission)
    for turn in range(1, turns + 1):
        asked = api.step(work, token)
        if asked["act"] == "say":
            response = api.say(work, token, turn, f"{said}, {turn}?")
            assert response.status_code == 200, response.text
            asked = response.json()["step"]
        more = {"edit": edit} if edit and turn == 1 else {}
        api.submitted(work, token, act="judge-turn", turn=turn, step=step, shown=asked["fields"]["shown"], **more)
    api.submitted(work, token, **after)
    return work


def helpful_chat(api, **more):
    """One preference chat, its first reply edited where the study allows it."""
    text = (EXAMPLES / "preference-chat.toml").read_text()
    study = api.study(text)["name"]
    worker = api.somebody()
    work = chat(api, study, worker, after={"act": "close", "rating": 4, "comment": "fine"}, turns=4, **more)
    return study, worker, work


def opened_chat(api):
    """A chat that begins with a prompt, so that its first turn is nobody's."""
    text = (EXAMPLES / "preference-chat-harmlessness.toml").read_text().split("[qualification]")[0]
    study = api.study(text)["name"]
    api.enter(study, "prompts.jsonl")
    worker = api.somebody()
    chat(api, study, worker, after={"act": "close"}, turns=3)
    return study


RED_TEAM_BEFORE = ({"act": "consent", "agreed": True}, {"act": "describe", "task_description": "to be rude"})


def red_team(api):
    """An attempt with two reviews, and one without."""
    study = api.example("red-team-chat")
    author, others = api.somebody(), [api.somebody(), api.somebody()]
    chat(api, study, author, before=RED_TEAM_BEFORE, after={"act": "rate-self", "rating": 2}, turns=4)
    for number, other in enumerate(others):
        work = api.next(study, other, "review")
        tags = work["step"]["fields"]["tags"][number : number + 2]
        api.submitted(work, other, act="review", rating=number, tags=tags)
    chat(api, study, author, before=RED_TEAM_BEFORE, after={"act": "rate-self", "rating": 0}, turns=4, said="Well")
    return study, author, others


def labels(api, taxonomy="beavertails-14"):
    """Labels of two workers, one item split between them and ruled on; and an item with a known answer."""
    text = (EXAMPLES / "safety-labels.toml").read_text().replace("overlap = 3", "overlap = 2")
    text = text.split("[gold]")[0].replace("beavertails-14", taxonomy)
    study = api.study(text)["name"]
    api.enter(study, "labels.jsonl")
    harm = {"beavertails-14": "violence,aiding_and_abetting,incitement", "pku-19": "Violence"}[taxonomy]
    workers, reviewer = (api.somebody(), api.somebody()), api.somebody(Role.REVIEWER)
    for worker, categories in zip(workers, ([], [harm]), strict=True):
        for _ in range(2):
            work = api.next(study, worker)
            given = {"categories": categories, "none_applies": not categories, "confidence": 2, "comment": "hm"}
            api.submitted(work, worker, act="label", **given)
    work = api.next(study, reviewer, "adjudication")
    api.submitted(work, reviewer, act="rule", categories=[], none_applies=True)
    return study


def ranking(api, *, ruled=True, dispute=True, taxonomy="beavertails-14"):
    """One ranking of every item; in the first that has an unsafe reply its label is disputed, and ruled on."""
    text = (EXAMPLES / "two-axis-ranking.toml").read_text().replace("beavertails-14", taxonomy)
    study = api.study(text)["name"]
    api.enter(study, "comparisons.jsonl")
    worker, reviewer = rank_all(api, study, dispute=dispute), api.somebody(Role.REVIEWER)
    if ruled:
        rule(api, study, reviewer)
    return study, worker, reviewer


def rank_all(api, study, *, dispute=False):
    """Somebody new ranks every item; where they dispute, then the first unsafe label that they see."""
    worker = api.somebody()
    while (work := api.next(study, worker))["assignment"] is not None:
        shown = work["step"]["fields"]["labels"]
        unsafe = [place for place, label in enumerate(shown) if not label["is_safe"]]
        disputed = unsafe[:1] if dispute else []
        dispute = dispute and not unsafe
        harmless = [1 if label["is_safe"] or place in disputed else 2 for place, label in enumerate(shown)]
        helpful = list(range(1, len(shown) + 1))
        disputes = [{"position": place, "categories": [], "none_applies": True, "note": "fine"} for place in disputed]
        api.submitted(
            work, worker, act="rank", helpfulness=helpful, harmlessness=harmless, confidence=3, disputes=disputes
        )
    return worker


def rule(api, study, reviewer):
    work = api.next(study, reviewer, "adjudication")
    assert api.submitted(work, reviewer, act="rule", categories=[], none_applies=True)["outcome"] == "accepted"
