"""Template farming: what fills slots is masked."""

import polars as pl

from plumbline.curate.templates import masked_text


def test_masks_stand_for_what_fills_slots():
    texts = ["Tell Anna Smith 3.5 secrets I know", "tell “somebody else” 12 secrets I know", None]
    words = [" ".join(text.split()) for text in masked_text(pl.Series(texts))]
    assert words == ["tell slot slot secrets I know", "tell slot slot secrets I know", ""]
