"""What is read as TOML: small files, tables that can be looked at, values of the very type that is asked for."""

import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

from plumbline.records.strict_toml import first_fault, parse_toml, read_small_text, shipped_toml, validated


class Settings(BaseModel):
    """Some settings."""

    model_config = ConfigDict(extra="forbid")

    count: int
    share: float = 0.5
    names: tuple[str, ...] = ()


def test_a_text_of_as_many_bytes_as_it_may_have_is_read(tmp_path):
    path = tmp_path / "a.toml"
    path.write_bytes("é".encode())
    assert read_small_text(path, 2) == "é"


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"123", "more than 2 bytes"), (b"\xff", "another encoding"), (None, "No such file or directory")],
)
def test_why_a_file_is_not_read_is_told(tmp_path, content, told):
    if content is not None:
        (tmp_path / "a.toml").write_bytes(content)
    with pytest.raises(OSError) as caught:  # noqa: PT011  # what it says is looked at below
        read_small_text(tmp_path / "a.toml", 2)
    assert caught.value.strerror == told


def test_a_path_that_is_none_is_told_as_any_other():
    with pytest.raises(OSError, match="null byte"):
        read_small_text(Path("a\0.toml"), 2)


def test_what_ships_is_found_by_name():
    shipped = shipped_toml("plumbline.curate", "recipes")
    assert list(shipped) == sorted(shipped)
    assert 'name = "clean"' in shipped["clean"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"a = {'[' * 21}{']' * 21}", "without end"),
        (f"a = {'[' * 5000}", "without end"),
        (f"{'a.' * 5000}a = 1", "without end"),
        (f"a = {'9' * 5000}", "digits without end"),
        (f"a = 0x{'f' * 5000}", "digits without end"),
    ],
)
def test_what_cannot_be_looked_at_is_no_toml(text, told):
    with pytest.raises(ValueError, match=told):
        parse_toml(text)


def test_where_it_is_no_toml_is_told():
    with pytest.raises(tomllib.TOMLDecodeError, match="line 2"):
        parse_toml("a = 1\nb = =")
    assert parse_toml("a = [[[1]]]\nb = 1979-05-27")["a"] == [[[1]]]


def test_a_list_stands_for_a_tuple_and_a_whole_number_for_a_number():
    assert validated(Settings, parse_toml('count = 1\nshare = 1\nnames = ["a"]')) == Settings(
        count=1, share=1.0, names=("a",)
    )


@pytest.mark.parametrize("value", ['"1"', "true", "1.0", "1979-05-27"])
def test_nothing_else_stands_for_a_number(value):
    with pytest.raises(ValidationError):
        validated(Settings, parse_toml(f"count = {value}"))


def test_an_unknown_key_is_told_before_what_it_leaves_missing():
    with pytest.raises(ValidationError) as caught:
        validated(Settings, {"cuont": 1})
    assert first_fault(caught.value)["loc"] == ("cuont",)
