from typing import Annotated, Any, Literal

import msgspec
import pytest

from plumbline.web.failures import InvalidBodyError, WebError
from plumbline.web.json_bodies import decode_json


class Line(msgspec.Struct, forbid_unknown_fields=True):
    count: Annotated[int, msgspec.Meta(ge=1, le=9)]
    name: Annotated[str, msgspec.Meta(max_length=3)] = ""
    role: Literal["one", "two"] = "one"
    values: dict[str, Any] = {}
    inner: list["Line"] | None = None


def test_what_is_right_comes_through():
    assert decode_json(b'{"count": 3, "values": {"a": [1, null, 1.5]}}', Line).values == {"a": [1, None, 1.5]}
    assert decode_json('{"count": 1, "name": "\u00e9\U0001f600"}'.encode(), Line).name == "\u00e9\U0001f600"


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"nonsense", b'{"count": NaN}', b'{"count": 1} {}', b'\xef\xbb\xbf{"count": 1}', b'{"count": 01}',
     b'{"count": 1, "count": 2}', b'{"count": 1, "values": {"a": {"b": 1, "b": 1}}}', b'{"count": 1, "name": "\xff"}',
     b'{"count": 1, "name": "\\ud800"}', b"{'count': 1}", b'{"count": 1,}', ],
)  # fmt: skip
def test_what_is_no_strict_json_is_refused(body):
    with pytest.raises(WebError) as caught:
        decode_json(body, Line)
    assert (caught.value.code, caught.value.status) == ("PL-WEB-004", 400)


@pytest.mark.parametrize(
    ("body", "byte"), [(b'{"count": 1, secret}', "13,"), (b'{"count": 1, "name": "secr\xff"}', "26,")]
)
def test_where_the_reading_ended_is_told_and_not_what_stands_there(body, byte):
    with pytest.raises(WebError, match=f"PL-WEB-004.*: see byte {byte}") as caught:
        decode_json(body, Line)
    assert "secret" not in caught.value.format()


@pytest.mark.parametrize(
    ("body", "field", "problem"),
    [
        (b"[]", "", "expected object, got array"),
        (b"{}", "", "object missing required field count"),
        (b'{"count": "secret"}', "count", "expected int, got str"),
        (b'{"count": true}', "count", "expected int, got bool"),
        (b'{"count": 1.5}', "count", "expected int, got float"),
        (b'{"count": 0}', "count", "expected int >= 1"),
        (b'{"count": 10}', "count", "expected int <= 9"),
        (b'{"count": 1, "name": "secret"}', "name", "expected str of length <= 3"),
        (b'{"count": 1, "role": "secret"}', "role", "not a value that this field takes; it takes one, two"),
        (
            b'{"count": 1, "inner": [{"count": 1, "role": "secret"}]}',
            "inner[0].role",
            "not a value that this field takes; it takes one, two",
        ),
        (b'{"count": 1, "values": 1}', "values", "expected object, got int"),
        (b'{"count": ' + b"9" * 5000 + b"}", "count", "not a value that this field takes"),
        (b'{"count": 1, "a secret": 1}', "", "an unknown field; known are count, name, role, values, inner"),
        (
            b'{"count": 1, "' + b"secret" * 7 + b'": 1}',
            "",
            "an unknown field; known are count, name, role, values, inner",
        ),
        (b'{"count": 1, "nome": 1}', "", "an unknown field nome; is name meant?"),
        (
            b'{"count": 1, "x` - at `$.lapis_lazuli": 1}',
            "",
            "an unknown field; known are count, name, role, values, inner",
        ),
        (
            b'{"count": 1, "inner": [{"x_9": 1}]}',
            "inner[0]",
            "an unknown field x_9; known are count, name, role, values, inner",
        ),
    ],
)
def test_what_is_of_another_type_is_told_and_nothing_of_it_quoted(body, field, problem):
    with pytest.raises(InvalidBodyError) as caught:
        decode_json(body, Line)
    (fault,) = caught.value.fields
    assert (fault.field, fault.problem) == (field, problem)
    assert "secret" not in caught.value.format()
    assert "found" not in caught.value.format().lower()
    assert caught.value.status == 422
