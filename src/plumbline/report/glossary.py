"""The words of the page, in one plain sentence each."""

from __future__ import annotations

GLOSSARY = (
    (
        "AUPRC",
        "Area under the curve of precision against recall: how well scores put the unsafe before the safe; 1 is "
        "perfect, and chance gives the share of unsafe rows.",
    ),
    (
        "AUROC",
        "How often a randomly chosen unsafe row gets a higher score than a randomly chosen safe one; 1 is perfect, "
        "0.5 is chance.",
    ),
    (
        "Best baseline",
        "The strongest simple rule that needs no model, such as preferring the longer reply; a model that does not "
        "beat it has shown nothing.",
    ),
    ("Cost", "A model's score of how harmful a reply is: higher is worse."),
    (
        "Cross-validated",
        "Measured on the training data in turns, each part by a model that was trained on the other parts.",
    ),
    (
        "ECE",
        "Expected calibration error: how far, on average, predicted probabilities lie from what was observed; 0 is "
        "best.",
    ),
    (
        "Ensemble",
        "Several heads beside a model's own, each fitted on another draw of the prompts; where they lie apart, the model "
        "knows little.",
    ),
    ("Finding", "Something suspicious about a row that could be read; the row is kept, and may have several."),
    (
        "Held-out prompts of train",
        "Part of the training data, kept out of training with all rows of its prompts and measured once: one deal, not in "
        "turns, and calibration was fitted on it.",
    ),
    (
        "Interval",
        "The range in which the figure would likely lie on other rows of the same kind; here at 95 %, and wide where "
        "rows are few.",
    ),
    (
        "Mojibake",
        "Text garbled because it was once read in the wrong character encoding, such as “Ã©” in place of “é”.",
    ),
    ("Quarantined", "Set aside and counted because the row could not be read; no figure uses it."),
    ("Reward", "A model's score of how good a reply is: of two, the one with the higher score is preferred."),
    (
        "Turn marker",
        "The word, such as “Human:” or “Assistant:”, that says in a text where the next speaker begins; inside a "
        "speaker's own words it makes a conversation ambiguous.",
    ),
)
