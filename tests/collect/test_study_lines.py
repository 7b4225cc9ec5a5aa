"""Lines of keys in TOML, however a statement is spread over them."""

import tomllib

from plumbline.collect.study_lines import key_lines, line_of

TEXT = '''# a comment = 1
name = "x"
items = { data = "a = b", split = "test" }
warning = """
[not a table]
key = 1
"""
tags = [
  "a",  # one = 1
  "b",
]

"quoted key" = 1
dotted.key = 2
[replies]
sampler = "two-samples"
sources = [
  "x",
]
  [ review ]
most_tags = 2
[[priorities]]
field = "split"
[[priorities]]
equals = "x"
'''


def test_every_key_has_its_line():
    tomllib.loads(TEXT)
    assert key_lines(TEXT) == {
        ("name",): 2,
        ("items",): 3,
        ("items", "data"): 3,
        ("items", "split"): 3,
        ("warning",): 4,
        ("tags",): 8,
        ("quoted key",): 13,
        ("dotted",): 14,
        ("dotted", "key"): 14,
        ("replies",): 15,
        ("replies", "sampler"): 16,
        ("replies", "sources"): 17,
        ("review",): 20,
        ("review", "most_tags"): 21,
        ("priorities", 0): 22,
        ("priorities", 0, "field"): 23,
        ("priorities", 1): 24,
        ("priorities", 1, "equals"): 25,
    }


def test_the_nearest_table_stands_for_a_key_that_is_not_there():
    lines = key_lines(TEXT)
    assert line_of(lines, ("replies", "sources", 0)) == 17
    assert line_of(lines, ("replies", "scorer")) == 15
    assert line_of(lines, ("priorities", 1, "priority")) == 24
    assert line_of(lines, ("kind",)) is None


def test_windows_line_ends_and_odd_separators_count_as_editors_count():
    assert key_lines('a = 1\r\n# \u2028\r\nb = "\u2028"\r\nc = 3') == {("a",): 1, ("b",): 3, ("c",): 4}
