"""What every engine keeps to; each test module of an engine runs it."""

import pytest

from plumbline.engine import ByPart, Stage, open_engine, open_workspace, run_stage
from plumbline.records import SourceError
from tests.engine.stages import all_ways, refused, some_data


def square(number):
    return {"square": number * number}


def keeps_order(engine, folder):
    """Answers come in the order of the pieces, and each piece is told once."""
    told = []
    assert engine.each(5, square, folder / "marks", lambda: told.append(1)) == [square(number) for number in range(5)]
    assert len(told) == 5
    assert engine.each(0, square, folder / "marks", lambda: told.append(1)) == []


def says_what_a_piece_says(engine, folder):
    """An error comes out as it was raised."""
    with pytest.raises(SourceError) as error, open_workspace(folder / "refused") as workspace:
        run_stage(Stage("refused", 1, refused, (ByPart(),)), [some_data(folder / "in")], workspace, engine)
    assert str(error.value) == (
        "PL-ENG-001  a place: a problem.\n            Expected this, found that.\n            Try: do so"
    )


def gives_the_same_files(engine, folder):
    """The digests are those of the local engine, in each way of dealing out."""
    data = some_data(folder / "in")
    with open_engine("local") as local:
        expected = all_ways(folder / "local", data, local)
    assert len(set(expected)) == 6
    assert all_ways(folder / "other", data, engine) == expected


CONTRACT = (keeps_order, says_what_a_piece_says, gives_the_same_files)
