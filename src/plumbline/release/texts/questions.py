"""The questions of a datasheet, in short words of our own.

Source: Gebru, Morgenstern, Vecchione, Vaughan, Wallach, Daumé III, Crawford: Datasheets for Datasets, Communications of the
ACM 64(12), 2021, section 3: all of its questions, in its order. Deviation: the wording, and the questions "any other
comments", which close each of its seven sections, are one a section here too.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Question:
    """A question.

    Attributes:
        section: the stage of a data set's life that it is about.
        key: how the answers file names it.
        asked: in words.
    """

    section: str
    key: str
    asked: str


_ASKED = {
    "Motivation": {
        "purpose": "What was the data set made for?",
        "creators": "Who made it, and on behalf of whom?",
        "funding": "Who paid for its making?",
        "motivation_comments": "Anything else about the motivation?",
    },
    "Composition": {
        "instances": "What does a row stand for? Are there several kinds?",
        "instance_counts": "How many are there of each kind?",
        "sample": "Are these all there are, or a sample of a larger set? How was it drawn, and is it representative?",
        "instance_data": "What does a row consist of?",
        "labels": "Does a row have a label or target?",
        "missing_information": "Is anything missing from rows, and why?",
        "relationships": "Are relations between rows made explicit?",
        "splits": "Which splits are recommended, and why?",
        "noise": "Are there errors, noise or redundancies?",
        "external_resources": "Does it stand alone, or rely on resources elsewhere?",
        "confidential": "Does it hold anything confidential?",
        "offensive": "Does it hold anything that may offend, insult, threaten or cause anxiety?",
        "subpopulations": "Does it name groups of people, and how are they spread?",
        "identifiable": "Can people be identified, directly or together with other data?",
        "sensitive": "Does it hold what is sensitive about people (origin, health, opinions, finances, crime)?",
        "composition_comments": "Anything else about the composition?",
    },
    "Collection": {
        "acquisition": "How was each row come by: observed, reported, derived? Was that checked?",
        "mechanisms": "By what procedures or tools was it collected, and how were these checked?",
        "sampling": "If it is a sample, by what strategy?",
        "collectors": "Who took part in collecting, and how were they paid?",
        "time_frame": "Over what time was it collected, and does that fit the time of what it is about?",
        "ethical_review": "Was there an ethical review?",
        "directness": "Was it collected from the people it is about, or from third parties?",
        "notice": "Were these people told, and in what words?",
        "consent": "Did they consent to collection and use, and in what words?",
        "revocation": "Can consent be taken back?",
        "impact_analysis": "Was the impact on them analysed?",
        "collection_comments": "Anything else about the collection?",
    },
    "Preprocessing, cleaning, labelling": {
        "preprocessing": "What was cleaned, labelled or otherwise processed?",
        "raw_data": "Is the raw data kept, and where?",
        "software": "Is the software for it available?",
        "preprocessing_comments": "Anything else about the processing?",
    },
    "Uses": {
        "used_already": "What has it been used for?",
        "repository": "Where are papers or systems that use it listed?",
        "other_uses": "What else could it be used for?",
        "impact_on_uses": "Does anything about its making bear on later uses, and what can users do about that?",
        "not_for": "What should it not be used for?",
        "uses_comments": "Anything else about uses?",
    },
    "Distribution": {
        "third_parties": "Is it given to third parties?",
        "how_distributed": "How is it distributed, and has it a DOI?",
        "when_distributed": "When is it distributed?",
        "licence": "Under which licence or terms?",
        "third_party_restrictions": "Have third parties put restrictions on it?",
        "export_controls": "Do export controls or other rules apply?",
        "distribution_comments": "Anything else about the distribution?",
    },
    "Maintenance": {
        "maintainers": "Who hosts and maintains it?",
        "contact": "How are they reached?",
        "erratum": "Is there an erratum?",
        "updates": "Will it be updated: how often, by whom, and how is that told?",
        "retention": "Are there limits to how long data about people is kept?",
        "older_versions": "Will older versions stay available?",
        "contributions": "How can others extend or mend it?",
        "maintenance_comments": "Anything else about the maintenance?",
    },
}

QUESTIONS: tuple[Question, ...] = tuple(
    Question(section, key, asked) for section, questions in _ASKED.items() for key, asked in questions.items()
)
