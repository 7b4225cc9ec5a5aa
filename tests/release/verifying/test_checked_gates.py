"""What a manifest tells of its gates is what the same gates say of the data, whatever order the rows were read in."""

from dataclasses import replace

import pyarrow as pa
import pytest

from plumbline.release import ReleaseOptions, build_release, verify_release
from plumbline.release.gates import GATES, leakage_gate, personal_data_gate
from plumbline.release.observed import Leakage, PersonalData
from plumbline.release.verifying.checked_gates import gate_faults
from tests.release.folders import loaded_lines, write_folder
from tests.release.spoiling import places, rewrite_json, say_anew

OTHERWISE = (
    {"said": "no personal data found by pattern in 9,999,999 texts"},
    {"advice": "none"},
    {"counts": {"whatever": 3}},
    {"examples": ["zzz"]},
    {"code": "PL-REL-001"},
)


def gates_told_otherwise():
    """Each gate with each of them; in short each gate once, and each of them at least once: all are compared alike."""
    for place, name in enumerate(GATES):
        for number, told in enumerate(OTHERWISE):
            marks = [] if number == place % len(OTHERWISE) else [pytest.mark.thorough]
            yield pytest.param(name, told, marks=marks, id=f"{name}-{next(iter(told))}")


@pytest.mark.parametrize(("name", "told"), [*gates_told_otherwise()])
def test_a_gate_that_is_told_otherwise(spoiled, name, told):
    def otherwise(manifest):
        next(gate for gate in manifest["configuration"]["gates"] if gate["gate"] == name).update(told)

    rewrite_json(spoiled / "manifest.json", otherwise)
    say_anew(spoiled)
    assert places(spoiled) == {"PL-REL-033": [f"manifest.json, configuration.gates, {name}"]}


def test_gates_that_were_accepted_are_told_as_they_are_whatever_the_order(tmp_path):
    loaded = loaded_lines(tmp_path / "in", labels=None, licence="MIT")
    table = loaded.comparisons
    named = [{"worker": name, "models": ["ada@example.org", name]} for name in ("Ada Lovelace", "w1", "x@example.org")]
    for column in ("worker", "models"):
        values = [named[row % 3][column] for row in range(len(table))]
        field = table.schema.field(column)
        table = table.set_column(table.schema.get_field_index(column), field, pa.array(values, field.type))
    order = list(range(len(table)))[::-1]
    folder = write_folder(loaded, tmp_path / "tables", tables={"comparisons": table.take(order)})
    accepted = {"personal-data": "made up", "workers": "made up"}
    build_release(folder, tmp_path / "release", ReleaseOptions(accepted=accepted))
    assert verify_release(tmp_path / "release").findings == []

    def otherwise(manifest):
        for gate in manifest["configuration"]["gates"][:3:2]:
            gate["examples"] = ["Ada Lovelace"]

    rewrite_json(tmp_path / "release" / "manifest.json", otherwise)
    say_anew(tmp_path / "release")
    assert len(places(tmp_path / "release")["PL-REL-033"]) == 2


def test_of_an_accepted_gate_kinds_are_compared_and_counts_are_not():
    found = personal_data_gate(PersonalData({"email": 12}, 3, ("a" * 32,), 9))
    more = personal_data_gate(PersonalData({"email": 1_300}, 2, ("b" * 32,), 9))
    other = personal_data_gate(PersonalData({"card": 12}, 3, ("a" * 32,), 9))
    accepted = [replace(each, status="accepted", reason="made up") for each in (found, more, other)]
    assert not list(gate_faults([accepted[1]], [accepted[0]], same_words=True))
    assert list(gate_faults([accepted[2]], [accepted[0]], same_words=True))
    leaking = leakage_gate(Leakage(2, {("train", "test"): 3}, {}), None)
    accepted = [
        replace(each, status="accepted")
        for each in (leaking, leakage_gate(Leakage(2, {("train", "test"): 4}, {}), None))
    ]
    assert list(gate_faults([accepted[1]], [accepted[0]], same_words=True))
