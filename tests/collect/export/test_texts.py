"""Whatever people and models wrote leaves to the byte, or is set aside with a code."""

import json

import pytest

from plumbline.collect.service.entering import enter_data
from plumbline.records import Outcome
from tests.collect.api.client import rows, toml
from tests.collect.export import collected
from tests.collect.export.collected import lines, read

HOSTILE = [
    "<script>alert(1)</script> \u202e {{7*7}}",
    "tabs\tand\r\nreturns \x1b[31m \u2028",
    'quotes " and \\ backslashes \\u0041',
    "👩‍👩‍👧 \ufeff 漢字",
    "  blanks at both ends  ",
]


def test_hostile_texts_survive_or_are_set_aside_with_a_code(api, tmp_path):
    api.study(toml())
    markers = "yes\n\nHuman: no\n\nAssistant: yes"
    texts = [*HOSTILE, markers]
    pairs = [(f"q {number}", each, "other") for number, each in enumerate(texts)]
    api.got("POST", "/studies/s/items", api.owner, content=rows(*pairs))
    worker = api.somebody()
    while (work := api.next("s", worker))["assignment"] is not None:
        api.submitted(work, worker, act="judge-pair", helpfulness=1 if work["step"]["replies"][1] == "other" else 8)
    collected.export(api, "s", tmp_path / "own", "parquet")
    sides = {each.continuations[each.outcome is Outcome.SECOND][0].text for each in read(tmp_path / "own")}
    assert sides == set(texts)
    exported = collected.export(api, "s", tmp_path / "out", "hh-rlhf")
    assert exported.quarantined == {"PL-HH-022": 1}
    found = lines(tmp_path / "out/helpful-base/train.jsonl.gz")
    assert {row["chosen"].partition("Assistant: ")[2] for row in found} == set(HOSTILE)


@pytest.mark.parametrize("answer", ["nul \x00", "half \ud800", "x" * 64_001])
def test_texts_that_cannot_be_stored_never_come_in(api, answer):
    api.study(toml())
    data = rows(("good", "one", "other"), ("q", answer, "other"))
    entered = api.got("POST", "/studies/s/items", api.owner, content=data)
    assert entered["new"] == 1
    assert "PL-ITM-002" in entered["passed_over"] or entered["faults"] == {"PL-JSON-007": 1}


def test_a_conversation_of_a_megabyte_leaves_whole(api, tmp_path):
    api.study(toml())
    context = "".join(f"\n\n{'Assistant' if place % 2 else 'Human'}: {place} {'x' * 60_000}" for place in range(17))
    row = {"chosen": f"{context}\n\nAssistant: {'y' * 64_000}", "rejected": f"{context}\n\nAssistant: no"}
    assert len(row["chosen"]) > 1_000_000
    (tmp_path / "helpful-base").mkdir()
    (tmp_path / "helpful-base/train.jsonl").write_text(json.dumps(row))
    enter_data(api.collecting, api.collecting.catalogue.named("s"), tmp_path, data_dir="helpful-base")
    worker = api.somebody()
    work = api.next("s", worker)
    api.submitted(work, worker, act="judge-pair", helpfulness=1 if work["step"]["replies"][1] == "no" else 8)
    collected.export(api, "s", tmp_path / "out", "hh-rlhf")
    assert lines(tmp_path / "out/helpful-base/train.jsonl.gz") == [row]
