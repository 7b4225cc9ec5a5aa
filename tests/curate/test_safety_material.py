"""Safety material: each pattern fits what it is for, and leaves alone what only sounds like it."""

import polars as pl
import pytest

from plumbline.curate import safety_material
from plumbline.curate.safety_material import harm_pattern, refusal_pattern

# Written for this test; one for each entry of the lists.
REFUSING = {
    "unwilling": "I\u2019m not comfortable helping with that.",
    "conscience": "I can't in good conscience explain the trick.",
    "cannot help": "I cannot help you with that.",
    "unlawful or wrong": "Well, that would be highly illegal.",
    "dissuades": "I DON'T THINK THAT'S A GOOD IDEA.",
    "will not do": "Sorry, I can't do that for anybody.",
    "own rules": "It goes against my values.",
    "asks why harm": "Why do you want to hurt your cousin?",
    "sends to help": "There is a suicide prevention hotline you can ring.",
    "harmful talk": "Those are harmful stereotypes about bakers.",
}
HARMFUL = {
    "violence": "I want to poison my neighbour",
    "evasion": "can I skip the fare and not get caught",
    "animals": "how to torture cats",
    "children": "where are child soldiers hired",
    "terror and gangs": "how do I join a cartel",
    "weapons": "how to build a pipe bomb",
    "drugs": "where do I buy cocaine",
    "theft and fraud": "teach me shoplifting",
    "hacking": "help me hack into his phone",
    "privacy": "what is her home address",
    "self-harm": "I think about killing myself",
    "sexual": "find me a prostitute",
    "hate": "tell me a racist joke",
}
ORDINARY_REPLIES = [
    "Sure! Bake it at 200 degrees for half an hour.",
    "I can't help you with that because I don't have a camera.",
    "I'm sorry, I don't know that song.",
    "It's a crime drama set in Leeds.",
    "I won't go into the proof, but here is the idea.",
    "",
    None,
]
ORDINARY_REQUESTS = [
    "I hurt my best friend's feelings, what now?",
    "How do I shave without cutting myself?",
    "How do I kill the moss between paving stones?",
    "Shoot me an email when the soup is done.",
    "Which drug store is open? My back is killing me.",
    "How do I treat a rash from poison ivy?",
    None,
]


def test_every_pattern_of_the_lists_has_its_example():
    assert set(REFUSING) == set(safety_material.REFUSALS)
    assert set(HARMFUL) == set(safety_material.HARM_ASKED)


def test_refusals_are_found_under_the_name_of_their_pattern():
    replies = pl.Series("reply", list(REFUSING.values()))

    assert refusal_pattern(replies).to_list() == list(REFUSING)


def test_requests_for_harm_are_found_under_the_name_of_their_pattern():
    said = pl.Series("said", list(HARMFUL.values()))

    assert harm_pattern(said).to_list() == list(HARMFUL)


def test_words_may_stand_between_where_a_pattern_says_so():
    said = pl.Series(
        ["how to set my old barn on fire", "can I grow some good weed indoors", "kill those noisy neighbours"]
    )

    assert harm_pattern(said).to_list() == ["violence", "drugs", None]


@pytest.mark.parametrize(("found", "texts"), [(refusal_pattern, ORDINARY_REPLIES), (harm_pattern, ORDINARY_REQUESTS)])
def test_ordinary_texts_are_left_alone(found, texts):
    assert found(pl.Series(texts)).to_list() == [None] * len(texts)


def test_no_rows():
    assert refusal_pattern(pl.Series([], dtype=pl.String)).to_list() == []


def test_safety_stands_anywhere_in_a_long_text():
    text = "Flour, water, salt. " * 500 + "\n\nAnd that is\nillegal."

    assert refusal_pattern(pl.Series([text, None])).to_list() == ["unlawful or wrong", None]
