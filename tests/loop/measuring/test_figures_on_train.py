"""Under which key figures of training rows stand, in models of today and of earlier."""

from plumbline.loop.measuring.figures_on_train import figures_on_train, held_out_figures

FIGURES = {"accuracy": {"value": 0.7}}


def test_figures_of_a_linear_model_are_cross_validated():
    assert figures_on_train({"cross_validated": FIGURES, "l2": 1.0}) == {"cross_validated": FIGURES}


def test_figures_of_a_transformer_are_of_held_out_prompts():
    training = {"seed": 0, **held_out_figures(FIGURES)}
    assert "cross_validated" not in training
    assert figures_on_train(training) == {"cross_validated": None, "held_out_of_train": FIGURES}


def test_a_transformer_saved_earlier_says_beside_them_what_they_are():
    earlier = {"cross_validated": FIGURES, "figures_are_of": "held-out prompts"}
    assert figures_on_train(earlier) == {"cross_validated": None, "held_out_of_train": FIGURES}


def test_an_import_has_none():
    assert figures_on_train({}) == {"cross_validated": None}
