"""Digests against the standard library's own."""

import hashlib
import json
import os

from hypothesis import given
from hypothesis import strategies as st

from plumbline.lineage import file_digest, json_digest


def test_a_file_of_any_size(tmp_path):
    for size in (0, 1, (1 << 18) - 1, 1 << 18, (1 << 20) + 7):
        content = os.urandom(size)
        (tmp_path / "file").write_bytes(content)
        assert file_digest(tmp_path / "file") == hashlib.sha256(content).hexdigest()


def test_a_known_value():
    assert json_digest({}) == hashlib.sha256(b"{}").hexdigest()
    assert json_digest({"b": 1, "a": "é"}) == hashlib.sha256('{"a":"é","b":1}'.encode()).hexdigest()


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(VALUES, VALUES)
def test_equal_where_the_values_are_whatever_the_order_of_keys(one, other):
    def turned(value):
        if isinstance(value, dict):
            return {key: turned(value[key]) for key in reversed(list(value))}
        return [turned(each) for each in value] if isinstance(value, list) else value

    assert json_digest(one) == json_digest(turned(one))
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (json_digest(one) == json_digest(other)) == same
