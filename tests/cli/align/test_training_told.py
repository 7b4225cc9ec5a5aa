"""What commands that train a policy tell at their end."""

import pytest
import typer

from plumbline.cli.align.training_told import tell_policy

SUMMARY = {
    "left_out": {},
    "synthetic": False,
    "terms_of_its_origin_known": True,
    "terms": {"uses": ["policy"], "licence": "MIT"},
    "quarantined": {"PL-JSON-005": 3},
    "first_unread": {"PL-JSON-005": "texts/train.jsonl row 7"},
}


def test_rows_that_could_not_be_read_are_told_where_they_stand(capsys):
    """Of several sources, prompts and other texts, say: the one at fault, and not the first."""
    with pytest.raises(typer.Exit) as ended:
        tell_policy(SUMMARY, as_json=False, figures={})
    assert ended.value.exit_code == 1
    assert "not read: 3 rows, PL-JSON-005, the first is texts/train.jsonl row 7" in capsys.readouterr().err
