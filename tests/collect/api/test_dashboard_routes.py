"""The dashboard over HTTP, on work that was done over HTTP."""

import asyncio

import pytest

from plumbline.collect.dashboard import snapshot
from plumbline.collect.store.rows import Role
from tests.collect.export.collected import helpful_chat, kinds_made, labels, pairs, ranking, red_team

WORK = {"pairs": pairs, "chat": helpful_chat, "red team": red_team, "labels": labels, "ranking": ranking}


def _study(made):
    return made if isinstance(made, str) else made[0]


@pytest.fixture
def dashboards(api):
    made = api.app.state.dashboards
    yield made
    made.close()


def newest(api, dashboards, path, token, **more):
    """An answer of a snapshot that is made now."""
    dashboards._copies.clear()
    return api.got("GET", path, token, **more)


@pytest.mark.parametrize("kind", WORK)
def test_every_kind_has_figures_of_what_exports_hold(api, dashboards, kind):
    study = _study(WORK[kind](api))
    manager = api.somebody(Role.MANAGER)
    figures = newest(api, dashboards, f"/studies/{study}/figures", manager)["figures"]
    comparisons, label_rows, attempts = kinds_made(api, study)
    work = next(queue for queue in figures["progress"]["queues"] if queue["purpose"] == "work")
    assert figures["study"] == study
    assert figures["basis"]["unreadable"] == 0
    for axis in figures["axes"]:
        of_axis = [each for each in comparisons if each.axis == axis["axis"] and each.strength is not None]
        if kind == "ranking":
            continue  # what is disputed is held back from exports
        assert axis["comparisons"] == len(of_axis)
        first = sum(each.outcome == "first" for each in of_axis)
        assert axis["first_better"]["value"] == pytest.approx(first / len(of_axis))
        strengths = {each["value"]: each["count"] for each in axis["strengths"]}
        assert sum(abs(value) * count for value, count in strengths.items()) == sum(each.strength for each in of_axis)
    if kind == "labels":
        of_workers = [each for each in label_rows if '"ruling"' not in each.extra]
        assert figures["labels"][0]["judgements"] == len(of_workers) == 4
        assert figures["labels"][1]["judgements"] == 1
    if kind == "red team":
        assert work["finished"] == len(attempts) == 2
        ratings = next(each for each in figures["grades"] if each["question"] == "rating")
        assert sum(each["count"] for each in ratings["values"]) == sum(len(each.reviews) for each in attempts)


def test_workers_their_sheets_and_pages(api, dashboards):
    study, tokens = pairs(api)
    manager, names = api.somebody(Role.MANAGER), sorted(api.ids[token].pseudonym for token in tokens)
    whole = newest(api, dashboards, f"/studies/{study}/workers", manager)
    assert [line["pseudonym"] for line in whole["workers"]] == names
    assert whole["next"] is None
    found, after = [], ""
    while after is not None:
        page = api.got("GET", f"/studies/{study}/workers?sort=finished&descending=true&limit=1&after={after}", manager)
        found += page["workers"]
        after = page["next"]
    assert len(found) == 2
    assert [line["finished"]["work"] for line in found] == sorted(
        (line["finished"]["work"] for line in found), reverse=True
    )
    sheet = api.got("GET", f"/studies/{study}/workers/{names[0]}/sheet", manager)["sheet"]
    assert sheet["line"] == whole["workers"][0]
    assert {each["question"] for each in sheet["agreement"]} == {"helpfulness", "harmlessness"}
    path = f"/studies/{study}/workers/nobody/sheet"
    api.problem("GET", path, manager, status=404, code="PL-COL-010")


def test_disagreements_are_listed_without_texts_and_opened_with_them(api, dashboards):
    study = labels(api)
    manager = api.somebody(Role.MANAGER)
    listed = newest(api, dashboards, f"/studies/{study}/disagreements", manager)
    assert {each["question"] for each in listed["disagreements"]} == {"is_safe"}
    assert "neighbour" not in str(listed)
    item = listed["disagreements"][0]["item"]
    opened = api.got("GET", f"/studies/{study}/disagreements/{item}", manager)["item"]
    assert len(opened["judgements"]) == 2
    assert opened["conversation"][-1]["role"] == "assistant"
    assert {each["answer"]["comment"] for each in opened["judgements"]} == {"hm"}
    page = api.got("GET", f"/studies/{study}/disagreements?limit=1", manager)
    assert len(page["disagreements"]) == 1
    rest = api.got("GET", f"/studies/{study}/disagreements?after={page['next']}", manager) if page["next"] else None
    assert len(listed["disagreements"]) == 1 + len(rest["disagreements"] if rest else [])


@pytest.mark.parametrize(
    "query",
    [
        *(
            "workers?sort=token",
            "workers?sort=",
            "workers?limit=0",
            "workers?after=somebody",
            "disagreements?question=drop",
        ),
        *("disagreements?sort=rowid", "disagreements?after=1-2", "disagreements?after=1-2-3;"),
        "disagreements?after=99999999999999999999-1-1",
    ],
)
def test_what_may_be_sorted_and_filtered_by_is_listed(api, dashboards, query):
    study = pairs(api, workers=1)[0]
    api.problem("GET", f"/studies/{study}/{query}", api.owner, status=422, code="PL-WEB-006")


def test_a_study_that_is_not_there(api, dashboards):
    for path in ("figures", "workers", "workers/x/sheet", "disagreements", "disagreements/1"):
        api.problem("GET", f"/studies/none/{path}", api.owner, status=404, code="PL-COL-010")


def test_the_first_figures_after_a_pause_are_those_of_now(api, dashboards, monkeypatch):
    """As pages have it: a newer snapshot is begun by the request, and waited for."""
    study, _ = pairs(api, workers=1)
    manager, path = api.somebody(Role.MANAGER), f"/studies/{study}/figures"
    first = newest(api, dashboards, path, manager)["figures"]["basis"]
    monkeypatch.setattr(dashboards, "_wait_seconds", 30)
    monkeypatch.setattr(dashboards, "_fresh_seconds", 0)
    monkeypatch.setattr(snapshot, "_REST", 0.0)
    api.wait(hours=1)
    second = api.got("GET", path, manager)["figures"]["basis"]
    assert first["as_of"] < second["as_of"]
    assert second["as_of"] == api.now.isoformat().replace("+00:00", "Z")


def test_workers_see_none_of_it(api, dashboards):
    study, tokens = pairs(api, workers=1)
    reviewer = api.somebody(Role.REVIEWER)
    for path in ("figures", "workers", "workers/x/sheet", "disagreements", "disagreements/1"):
        for token in (tokens[0], reviewer):
            api.problem("GET", f"/studies/{study}/{path}", token, status=403, code="PL-WEB-008")


def test_the_server_makes_large_studies_ready_and_ends(api, monkeypatch):
    study, _ = pairs(api, workers=1)
    monkeypatch.setattr(snapshot, "WARM_FROM", 1)

    async def lives():
        async with api.app.router.lifespan_context(api.app):
            known = api.collecting.catalogue.named(study)
            dashboards = api.app.state.dashboards
            for _ in range(200):
                held = dashboards._copies.get(known.id)
                if held is not None and held.snapshot is not None:
                    return held.snapshot.figures.basis.judgements
                await asyncio.sleep(0.05)
        return None

    made = asyncio.run(lives())
    assert made is not None
    assert made > 0
