"""What a study says of its work, in words."""

import pytest

from plumbline.collect.pages.study_cards import says_of
from tests.collect.kinds.made_up import study


@pytest.mark.parametrize(
    ("axes", "question", "said"),
    [
        (["harmlessness"], "more harmful", "which is more harmful"),
        (["harmlessness"], "better", "which is better"),
        (["helpfulness", "harmlessness"], "more harmful", "which is better"),
    ],
)
def test_the_worse_reply_is_named_where_it_is_asked_for(axes, question, said):
    assert said in says_of(study("pairs", axes=axes, question=question))
