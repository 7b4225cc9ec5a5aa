"""Samples of one prompt from a tiny model with random weights."""

import numpy as np
import pytest
import torch

from plumbline.sources import Sampling
from plumbline.sources.token_sampling import Ending, StoppedError, _draw, _look_up, sample_tokens
from plumbline.sources.turn_markers import TurnMarkers
from tests.sources.tiny_language_model import language_model

PROMPT = [5, 9, 30, 77, 12]


def ending(most_tokens=12, *, token_ids=(), markers=None, is_unwanted=lambda: False):
    return Ending(frozenset(token_ids), markers, most_tokens, is_unwanted)


@pytest.fixture(scope="module", params=["llama", "gpt2"])
def model(request):
    return language_model(request.param)


def ids(samples):
    return [sample.token_ids for sample in samples]


def test_a_seed_gives_the_same_sample_however_many_others_are_drawn(model):
    seeds = [11, 12, 13, 14]
    together = ids(sample_tokens(model, PROMPT, Sampling(), seeds, ending()))
    alone = [ids(sample_tokens(model, PROMPT, Sampling(), [seed], ending()))[0] for seed in seeds]
    assert together == alone
    assert len({tuple(each) for each in together}) == 4


def test_the_process_wide_random_state_is_neither_read_nor_moved(model):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = ids(sample_tokens(model, PROMPT, Sampling(), [3], ending()))
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(2)
    assert ids(sample_tokens(model, PROMPT, Sampling(), [3], ending())) == first


def test_temperature_0_is_what_the_librarys_own_greedy_search_gives(model):
    sampled = ids(sample_tokens(model, PROMPT, Sampling(temperature=0), [1, 2], ending()))
    settings = {"do_sample": False, "max_new_tokens": 12, "eos_token_id": None, "pad_token_id": 0}
    expected = model.generate(torch.tensor([PROMPT]), attention_mask=torch.ones(1, len(PROMPT)), **settings)
    assert sampled == [expected[0, len(PROMPT) :].tolist()] * 2


def test_the_prompt_is_read_once_for_all_samples(model):
    shapes = []
    hook = model.register_forward_pre_hook(
        lambda _, __, given: shapes.append(tuple(given["input_ids"].shape)), with_kwargs=True
    )
    sample_tokens(model, PROMPT, Sampling(), [1, 2, 3], ending(4))
    hook.remove()
    assert shapes == [(1, len(PROMPT)), (3, 1), (3, 1), (3, 1)]


def test_samples_that_ended_are_computed_no_further_and_the_others_go_on_the_same(model):
    seeds = list(range(8))
    whole = ids(sample_tokens(model, PROMPT, Sampling(), seeds, ending(20)))
    end = whole[0][4]
    found = sample_tokens(model, PROMPT, Sampling(), seeds, ending(20, token_ids=[end]))
    for sample, full in zip(found, whole, strict=True):
        expected = full[: full.index(end)] if end in full else full
        assert (sample.token_ids, sample.finish) == (expected, "stop" if end in full else "length")
    assert {sample.finish for sample in found} == {"stop", "length"}


def test_a_marker_ends_a_sample_across_tokens(model):
    (whole,) = ids(sample_tokens(model, PROMPT, Sampling(), [5], ending(20)))

    def decode(tokens):
        return "".join(f"<{token}>" for token in tokens)

    markers = TurnMarkers([decode(whole[5:7])], decode)
    (sample,) = sample_tokens(model, PROMPT, Sampling(), [5], ending(20, markers=markers))
    assert (sample.token_ids, sample.finish) == (whole[:7], "stop")


def test_whoever_no_longer_wants_the_samples_stops_them(model):
    asked = []
    with pytest.raises(StoppedError):
        sample_tokens(model, PROMPT, Sampling(), [1], ending(50, is_unwanted=lambda: len(asked) > 2 or asked.append(1)))
    assert len(asked) == 3


# --- one draw ---


def draws(logits, sampling, count=4000):
    generators = [torch.Generator().manual_seed(seed) for seed in range(count)]
    tokens = _draw(torch.tensor(logits).expand(count, -1), sampling, generators).numpy()
    return np.bincount(tokens, minlength=len(logits)) / count


LOGITS = np.log([0.5, 0.1, 0.3, 0.1]).tolist()


@pytest.mark.parametrize(
    ("sampling", "expected"),
    [
        (Sampling(), [0.5, 0.1, 0.3, 0.1]),
        (Sampling(temperature=0), [1, 0, 0, 0]),
        (Sampling(top_k=2), [5 / 8, 0, 3 / 8, 0]),
        (Sampling(top_k=1), [1, 0, 0, 0]),
        (Sampling(top_k=99), [0.5, 0.1, 0.3, 0.1]),
        (Sampling(top_p=0.5), [1, 0, 0, 0]),
        (Sampling(top_p=0.51), [5 / 8, 0, 3 / 8, 0]),
        (Sampling(top_p=0.01), [1, 0, 0, 0]),
        (Sampling(top_k=2, top_p=0.6), [1, 0, 0, 0]),
        (Sampling(temperature=0.5), np.array([25, 1, 9, 1]) / 36),
    ],
)
def test_tokens_are_drawn_by_their_probability(sampling, expected):
    found = draws(LOGITS, sampling)
    np.testing.assert_allclose(found, expected, atol=0.03)
    assert (found[np.array(expected) == 0] == 0).all()


def test_a_place_without_probability_is_never_drawn():
    assert draws([-np.inf, 0.0, -np.inf], Sampling())[1] == 1


@pytest.mark.parametrize(("uniform", "place"), [(0.0, 1), (0.5, 3), (0.9999999999999999, 3)])
def test_the_ends_of_the_uniform_numbers_fall_on_places_with_probability(monkeypatch, uniform, place):
    monkeypatch.setattr(torch, "rand", lambda *_, **given: torch.tensor(uniform, dtype=given["dtype"]))
    probabilities = torch.tensor([[0.0, 0.5, 0.0, 0.5, 0.0]])
    assert _look_up(probabilities, [torch.Generator()]).tolist() == [place]
