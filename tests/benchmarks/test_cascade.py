"""The benchmark of cascades chooses and measures as the command does, and keeps sure texts and others apart."""

import pyarrow as pa

from benchmarks import cascade as benchmark
from plumbline.models.cascade.fitting import CascadeSettings, Judged, fit_cascade
from plumbline.models.cascade.model import Band, Cascade
from plumbline.models.features.text_features import Replies
from tests.models.cascade.test_fitting import HEADS, judged
from tests.moderate.conftest import trained_moderation


class Named:
    """A model of which the thresholds alone are asked."""

    def __init__(self, threshold):
        self.heads = {name: type("Head", (), {"threshold": threshold}) for name in HEADS}


def test_the_first_deal_is_the_commands_and_the_others_are_spread():
    whole = judged(400)
    found = benchmark.measured(whole, (Named(0.5), Named(0.6)), 3)
    own = dict.fromkeys(HEADS, (0.5, 0.6))
    fits = [fit_cascade(whole, own, CascadeSettings(seed=seed), place="made-up") for seed in range(3)]
    assert found["figures"] == fits[0].figures
    shares = [fit.figures["asked"]["value"] for fit in fits]
    assert found["deals"]["asked"]["min"] == min(shares) < found["deals"]["asked"]["max"] == max(shares)
    assert found["refused_deals"] == 0


def test_texts_of_which_the_first_is_sure_are_told_from_the_others():
    model = trained_moderation().model
    whole = judged(4)
    texts = Replies(pa.array(["no go away", "happy to help with that", "zzz", " "]), pa.array([""] * 4))
    rows = Judged(whole.heads, whole.first, whole.second, type("Rows", (), {"replies": texts}))
    cascade = Cascade(model, model, Band(0.1, 0.9), dict.fromkeys(model.heads))
    found = [[turn.text for turn in benchmark.texts_of(rows, cascade, sure=sure)] for sure in (True, False)]
    assert sorted(found[0] + found[1]) == ["happy to help with that", "no go away", "zzz"]
    assert found[1] == ["zzz"]
