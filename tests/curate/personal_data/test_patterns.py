"""What is found and what is not, in any surroundings; and that every expression can be run."""

import polars as pl
import pytest

from plumbline.curate.personal_data import KINDS, find_personal_data
from plumbline.curate.personal_data.patterns import FAMILIES
from tests.curate.personal_data.values import ANNOUNCED, FOUND, NOT_FOUND

SURROUNDINGS = ["{}", "It is {}.", "so ({}), \nyes", "« {} »", "🙂{}\u200f", "a,b: {}\nc", "[{}]", "“{}”"]


def spans(texts):
    found = find_personal_data(pl.Series(texts))
    return [
        [(kind, texts[number][start:end]) for _, kind, start, end in found.filter(text=number).iter_rows()]
        for number in range(len(texts))
    ]


def test_every_kind_has_a_value_that_is_found():
    assert {*FOUND, *ANNOUNCED} == set(KINDS) - {"url-with-credentials"}


def test_values_are_found_whole_in_any_surroundings():
    values = [(kind, value) for kind, values in FOUND.items() for value in values]
    texts = [around.format(value) for around in SURROUNDINGS for _, value in values]
    assert spans(texts) == [[value] for _ in SURROUNDINGS for value in values]


def test_weak_numbers_are_found_after_a_word_and_not_without():
    for kind, (word, number) in ANNOUNCED.items():
        texts = [f"my {word} is {number}.", f"my number is {number}.", f"{word} [EMAIL] {number}"]
        assert spans(texts) == [[(kind, number)], [], []], kind


def test_a_login_is_found_with_its_password_and_host():
    texts = ["at postgres://app:hunter2z@db.acme.io:5432/x", "https://jane%40x:hunter2z@10.0.0.7."]
    logins = ["app:hunter2z@db.acme.io", "jane%40x:hunter2z@10.0.0.7"]
    assert spans(texts) == [[("url-with-credentials", login)] for login in logins]


def test_near_misses_are_not_found():
    assert len(NOT_FOUND) > 80
    texts = [around.format(text) for around in SURROUNDINGS[:4] for text in NOT_FOUND]
    assert [text for text, found in zip(texts, spans(texts), strict=True) if found] == []


def test_a_value_inside_a_longer_word_or_number_is_not_found():
    values = [
        FOUND[kind][0] for kind in ("iban", "credit-card", "us-ssn", "br-cpf", "crypto-wallet", "phone", "uk-nino")
    ]
    texts = [joined for value in values for joined in (f"7{value}7", f"x{value}y", f"1-{value}-1")]
    assert spans(texts[::3] + texts[1::3]) == [[]] * 2 * len(values)


def test_look_alikes_and_invisible_characters_are_read_and_places_are_those_of_the_text():
    wide = str.maketrans({chr(code): chr(code + 0xFEE0) for code in range(0x21, 0x7F)})
    card, mail = "4242424242424242", "jane@proton.me"
    hidden = "\u200b".join(mail)
    texts = [
        f"ａ {card.translate(wide)} é",
        f"🙂 {mail.translate(wide)}",
        f"é\u200b🙂 {hidden}\u200f! {hidden}",
        f"{card[:4]}\u2011{card[:4]}\u2011{card[:4]}\u2011{card[:4]}",
        "٤٢٤٢٤٢٤٢٤٢٤٢٤٢٤٢",
        "+\u20601\u00a0212\u00a0867\u00a05309",
        "\ufdd0 a@b.co \ufdd0",
    ]
    assert spans(texts) == [
        [("credit-card", card.translate(wide))],
        [("email", mail.translate(wide))],
        [("email", hidden), ("email", hidden)],
        [("credit-card", texts[3])],
        [("credit-card", texts[4])],
        [("phone", texts[5])],
        [("email", "a@b.co")],
    ]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.matchers[0].kind)
def test_every_expression_compiles_in_its_engine(family):
    # Rust's engine bounds the size of an expression, and hints are run on most texts only, regions on few.
    assert pl.Series(["", "é"]).str.replace_all(family.region, "").to_list() == ["", "é"]
    assert pl.Series(["", "é"]).str.contains(family.hint).to_list() == [False, False]


def test_values_side_by_side_and_at_the_edges_of_windows_are_all_found():
    lines = [("us-ssn", "536-90-4399"), ("email", "a@b.co"), ("phone", "212-867-5309")] * 40
    text = " ".join(value for _, value in lines)
    assert spans([text]) == [lines]
    assert spans([text.replace(" ", ", ")]) == [lines]


def test_a_number_that_fails_does_not_hide_the_one_behind_it():
    assert spans(["2020 4242 4242 4242 4242", "in 1999 212 867 5309"]) == [
        [("credit-card", "4242 4242 4242 4242")],
        [("phone", "212 867 5309")],
    ]
