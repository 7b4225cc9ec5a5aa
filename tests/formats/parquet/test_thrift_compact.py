"""Thrift's compact protocol: what is asked for is read, anything else passed over, and nothing reads on without end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline.formats.parquet.thrift_compact import INT_32, INT_64, CompactReader, Elements, count_of

numbers = st.integers(-(2**63), 2**63 - 1)


def unsigned(value):
    encoded = b""
    while value >= 0x80:
        encoded += bytes([value & 0x7F | 0x80])
        value >>= 7
    return encoded + bytes([value])


def integer(value):
    return unsigned(value << 1 if value >= 0 else (-value << 1) - 1)


def structure(*fields):
    """Of (number, kind, encoded value), numbers rising by at most 15."""
    content, before = b"", 0
    for number, kind, value in fields:
        content += bytes([(number - before) << 4 | kind]) + value
        before = number
    return content + b"\0"


def of_integers(*values):
    return bytes([0xF6]) + unsigned(len(values)) + b"".join(integer(value) for value in values)


FLAGS, DOUBLES, TEXTS = b"\x32\x01\x02\x01", b"\x27" + bytes(16), b"\x28\x02ab\x01c"
PASSED_OVER = [(1, b""), (2, b""), (3, b"x"), (4, integer(-5)), (7, bytes(8)), (8, b"\x03abc"), (9, FLAGS)]
PASSED_OVER += [(9, DOUBLES), (9, TEXTS), (10, of_integers(1, -1)), (11, b"\0"), (11, b"\x02\x82\x01a\x01\x01b\x02")]
PASSED_OVER += [(12, structure((1, 9, TEXTS)))]


@given(numbers, st.lists(numbers, max_size=20), st.lists(numbers, max_size=20), st.sampled_from(PASSED_OVER))
def test_the_fields_asked_for_come_back_and_others_are_passed_over(number, counted, inner, other):
    listed = bytes([0xFC]) + unsigned(len(inner)) + b"".join(structure((2, 6, integer(value))) for value in inner)
    content = structure((1, *other), (2, 6, integer(number)), (4, 9, of_integers(*counted)), (9, 9, listed))
    reader = CompactReader(b"x" + content + b"more", 1)
    fields = reader.structure({2: INT_64, 4: Elements(), 9: Elements({2: INT_64})})
    assert fields == {2: number, 4: len(counted), 9: [{2: value} for value in inner]}
    assert reader.at == 1 + len(content)
    for end in range(1, len(content)):
        with pytest.raises(ValueError, match="does not end"):
            CompactReader(content[:end]).structure({2: INT_64, 4: Elements(), 9: Elements({2: INT_64})})


def test_a_field_of_another_kind_is_another_field():
    content = structure((1, 6, integer(7)), (2, 12, structure()))
    assert CompactReader(content).structure({1: INT_32, 2: Elements()}) == {}
    assert CompactReader(content).structure({1: INT_64, 2: {}}) == {1: 7, 2: {}}


@pytest.mark.parametrize(
    "content",
    [
        b"\x1c" * 60,
        b"\x19\x19" + b"\x19" * 60,
        b"\x1d",
        b"\x16" + b"\xff" * 60,
        structure((1, 9, b"\xf2" + unsigned(1 << 60))),
        structure((1, 9, b"\xf8" + unsigned(1 << 60))),
        structure((3, 9, b"\x25\x02\x04")),
    ],
    ids=["deep structures", "deep lists", "unknown kind", "long number", "many flags", "many texts", "another list"],
)
def test_what_cannot_be_read_is_told_at_once(content):
    with pytest.raises(ValueError, match=r"too deep|unknown kind|too long|does not end|another kind"):
        CompactReader(content).structure({3: Elements()})


def test_a_count_is_at_least_zero_and_must_be_there():
    assert count_of({1: 3}, 1) == 3
    for fields in ({}, {1: -1}, {1: [{}]}):
        with pytest.raises(ValueError, match="below 0, or none"):
            count_of(fields, 1)
