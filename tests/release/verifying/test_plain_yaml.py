"""The YAML of a card: texts, lists and mappings, and nothing that two readers take for two things."""

import pytest

from plumbline.release.verifying.plain_yaml import read_plain_yaml, split_front_matter


def test_texts_lists_and_mappings():
    front, body = split_front_matter("---\na: b\nc:\n- d: 'no'\n---\n# Page\n---\n")
    assert read_plain_yaml(front) == {"a": "b", "c": [{"d": "no"}]}
    assert body == "# Page\n---\n"


@pytest.mark.parametrize(
    "text",
    [
        *('a: !!bool "x"', 'a: !!timestamp "x"', 'a: !!int ""', "a: !!python/object/apply:os.getcwd []", "a: !x y"),
        *("a: yes", "a: no", "a: 1", "a: 1.5", "a: null", "a:", "a: 2020-01-01", "a: !!binary YQ==", "a: !!set {x}"),
        *("a: &x [b]\nc: *x", "a: b\na: c", "<<: {a: b}", "? [a]\n: b", "1: a", "a: b: c", "[" * 5_000, "{" * 90),
        *("%TAG ! tag:x,2000:\n---\na: !b c", "a: b\n---\nc: d", "a: \x07"),
    ],
)
def test_anything_else_is_refused_in_words_that_quote_nothing(text):
    with pytest.raises(ValueError, match="YAML") as caught:
        read_plain_yaml(text)
    assert type(caught.value) is ValueError


@pytest.mark.parametrize(
    "text",
    [
        *("", "a: b", "--- \na: b\n---\n", "\n---\na: b\n---\n", "\ufeff---\na: b\n---\n", "---\r\na: b\r\n---\r\n"),
        *("---\na: b\n", "---\na: b\u2028---\u2028c: d\n---\n", "---\na: b\r---\rc: d\n---\n", "---\na: é\n---\n"),
        "---\n" + "a: b\n" * 100_000 + "---\n",
    ],
)
def test_a_head_whose_end_readers_could_see_elsewhere_is_refused(text):
    with pytest.raises(ValueError, match="YAML"):
        split_front_matter(text)
