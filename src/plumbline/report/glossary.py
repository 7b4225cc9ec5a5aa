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
        "Best any model could reach",
        "People who judge the same thing disagree, so no model can agree with all of them; these are bounds on the accuracy of a "
        "perfect model, told from what was judged more than once.",
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
        "Item",
        "What is judged: two replies to the same conversation, or a question with its reply; several people may judge one.",
    ),
    (
        "Judged both ways",
        "An item of which one judgement says the opposite of another: the other reply is better, or safe and unsafe.",
    ),
    (
        "Krippendorff's alpha",
        "How far people agree beyond what chance would give: 1 is full agreement, 0 none beyond chance, below 0 less than "
        "chance.",
    ),
    (
        "Leakage",
        "Prompts of the training data that stand in the test data too, so that a test is easier than it looks.",
    ),
    (
        "Mojibake",
        "Text garbled because it was once read in the wrong character encoding, such as “Ã©” in place of “é”.",
    ),
    (
        "Near-duplicate",
        "A record whose words are much the same as another's, though not all of them; how much, the recipe says.",
    ),
    ("Quarantined", "Set aside and counted because the row could not be read; no figure uses it."),
    ("Recipe", "The rules of a curation in their order, with their settings, under a name and a version."),
    ("Reward", "A model's score of how good a reply is: of two, the one with the higher score is preferred."),
    (
        "Turn marker",
        "The word, such as “Human:” or “Assistant:”, that says in a text where the next speaker begins; inside a "
        "speaker's own words it makes a conversation ambiguous.",
    ),
)
