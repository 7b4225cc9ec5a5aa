"""Loading whatever stands in a folder: what nothing can read is damage, and no error of a parser."""

import pytest

from plumbline.models.loading import load_any_model
from plumbline.records import ModelError


def test_a_description_nested_deeper_than_any_parser_goes_is_damage(tmp_path):
    (tmp_path / "model.json").write_text("[" * 100_000)
    with pytest.raises(ModelError, match="PL-MOD-002"):
        load_any_model(tmp_path)
