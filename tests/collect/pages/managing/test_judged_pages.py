"""What was judged, newest first."""

from plumbline.collect.kinds import Purpose
from tests.collect.dashboard.made_up import (
    SECOND,
    pair,
    pair_item,
)
from tests.collect.pages.parsing import texts


def worker_page(browsing):
    return f"/studies/s/workers/{browsing.first.pseudonym}"


def test_what_one_worker_judged_can_be_looked_at(browsing):
    session, worker = browsing.somebody(), browsing.first.pseudonym
    assert f"/judged?worker={worker}" in browsing.page(worker_page(browsing), session)
    listed = browsing.page(f"/studies/s/judged?worker={worker}", session)
    assert listed.count('href="/studies/s/disagreements/') == 2
    assert "<script>alert(1)</script>" in " ".join(texts(listed))
    assert browsing.page("/studies/s/judged", session).count('href="/studies/s/disagreements/') == 4
    assert browsing("GET", "/studies/s/judged?worker=no-such-worker", session).status_code == 404


def test_the_list_of_judgements_says_what_was_chosen_and_which_answers_are_known(browsing):
    world, session = browsing.world, browsing.somebody()
    world.enter([pair_item()], purpose=Purpose.GOLD, truths=[{"orders": []}])
    world.judge(world.worker(), pair(SECOND, 3) | {"comment": "zzsaid"}, purpose=Purpose.GOLD)
    found = " ".join(texts(browsing.page("/studies/s/judged", session)))
    assert found.count("side 1 is more helpful, strength 4") == 2
    assert found.count("side 2 is more helpful, strength 3") == 1
    assert found.count("gold") == 1
    assert "zzsaid" not in found
