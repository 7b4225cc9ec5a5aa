"""What docs/how-to/collect.md says of acts, roles, rates and days is what the code has."""

import re
from inspect import signature
from pathlib import Path

import pytest
import typer

from plumbline.cli.main import app
from plumbline.collect.api.app import ApiOptions
from plumbline.collect.api.schemas import NewPerson, NewToken
from plumbline.collect.kinds.bounds import MOST_HUMAN_CHARACTERS, MOST_NOTE_CHARACTERS
from plumbline.collect.kinds.registry import SUBMISSIONS
from plumbline.collect.service.handing_out import OWNER_TOKEN_DAYS, hand_out_token
from plumbline.collect.store.rows import Role

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "how-to" / "collect.md").read_text(encoding="utf-8")
ACTS = dict(re.findall(r"^\| `([a-z-]+)` \| [^|`]+ \| (.+) \|$", PAGE, re.MULTILINE))


def test_every_act_stands_in_the_table():
    assert ACTS.keys() == SUBMISSIONS.keys()


@pytest.mark.parametrize("act", SUBMISSIONS)
def test_every_field_of_an_act_stands_there_in_brackets_where_it_may_be_left_out(act):
    text = ACTS[act]
    for name, field in SUBMISSIONS[act].model_fields.items():
        if name != "act":
            assert f"`{name}`" in text, name
            assert (f"[`{name}`]" in text) == (not field.is_required()), name


def test_every_role_has_a_row():
    assert re.findall(r"^\| (\w+) \| (?:read|also) ", PAGE, re.MULTILINE) == [
        role.value for role in (Role.WORKER, Role.REVIEWER, Role.MANAGER, Role.OWNER)
    ]


def test_figures():
    rate = ApiOptions().per_token
    assert ApiOptions().per_address == rate
    assert f"{rate.per_second:g} requests a second, and {rate.at_once} at once" in PAGE
    command = typer.main.get_command(app).commands["collect"].commands["token"]
    (days,) = {option.default for option in command.params if option.name == "days"}
    assert signature(hand_out_token).parameters["days"].default == days
    (of_api,) = {signature(schema).parameters["token_days"].default for schema in (NewPerson, NewToken)}
    said = " ".join(PAGE.split())
    assert (
        f"{days} days if it comes from the command line, {of_api} over the API, {OWNER_TOKEN_DAYS} for the first"
        in said
    )
    assert (
        f"What is said has {MOST_HUMAN_CHARACTERS:,} characters at most, notes and comments {MOST_NOTE_CHARACTERS:,}"
        in said
    )
