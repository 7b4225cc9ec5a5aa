"""OpenAI's names: every one is there, of ours that exist, and null where none comes close."""

from plumbline.moderate.openai_names import CLOSEST, NAMES, closest_heads
from plumbline.records import TAXONOMIES


def test_ours_are_categories_that_exist():
    known = set().union(*TAXONOMIES.values())
    named = {ours for several in CLOSEST.values() for ours in several}
    assert named <= known
    assert set(CLOSEST) < set(NAMES)


def test_each_name_finds_the_heads_that_a_model_has():
    heads = ("unsafe", "self_harm", "violence,aiding_and_abetting,incitement", "Physical Harm")
    found = closest_heads(heads)
    assert set(found) == set(NAMES)
    assert found["self-harm"] == (1,)
    assert found["violence"] == (2, 3)
    assert found["sexual"] == ()
    assert "violence" not in closest_heads(("unsafe", "violence"))
