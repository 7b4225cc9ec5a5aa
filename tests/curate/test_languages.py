"""Languages: the batch walk is py3langid's, short texts and code are not told, doubt keeps."""

from dataclasses import replace

import polars as pl
import pytest
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from plumbline.curate import languages
from plumbline.curate.languages import detect_languages, in_other_language, language_sample

# Written for this test.
SENTENCES = {
    "en": "Could you tell me how long the bread should stay in the oven?",
    "de": "Kannst du mir sagen, wie lange das Brot im Ofen bleiben soll?",
    "fr": "Peux-tu me dire combien de temps le pain doit rester au four ?",
    "es": "¿Puedes decirme cuánto tiempo tiene que estar el pan en el horno?",
    "ru": "Скажи, пожалуйста, сколько времени хлеб должен стоять в духовке?",
    "zh": "请告诉我面包应该在烤箱里烤多长时间，温度应该调到多少度比较合适呢？",
    "ja": "パンはオーブンでどのくらい焼けばいいのか教えてもらえますか。",
    "ar": "هل يمكنك أن تخبرني كم من الوقت يجب أن يبقى الخبز في الفرن؟",
}
ITS_OWN = ((80, 81), (92, 115))  # sr and uz, in two scripts each
CODE = "for (int i = 0; i < rows.size(); i++) { total[i] += weights[rows[i]] * scale; }"
SCHEMA = pl.Schema({"language": pl.String, "confidence": pl.Float64})


def test_languages_are_told_in_order():
    found = detect_languages(pl.Series(list(SENTENCES.values())))

    assert found["language"].to_list() == list(SENTENCES)
    assert found["confidence"].min() > languages.MIN_CONFIDENCE
    assert found.schema == SCHEMA


@pytest.mark.parametrize(
    "text",
    [None, "", "Hola amigo", "12 + 7 = 19; 3.14159 * 2 = 6.28318 (approx.) 1000 2000 3000 abcdefghijklmnopqrst", CODE],
)
def test_what_cannot_be_told_is_null_and_kept(text):
    found = detect_languages(pl.Series([text, SENTENCES["de"]], dtype=pl.String))

    assert found.row(0) == (None, None)
    assert in_other_language(found, {"en"}).to_list() == [False, True]


def test_no_rows():
    found = detect_languages(pl.Series([], dtype=pl.String))

    assert found.schema == SCHEMA
    assert in_other_language(found, {"en"}).to_list() == []


def test_code_and_links_do_not_count():
    quoted = f"{SENTENCES['en']}\n```\n{SENTENCES['ru'] * 5}\n```\nhttps://пример.example/{SENTENCES['ja']}"

    assert detect_languages(pl.Series([quoted]))["language"].to_list() == ["en"]


def test_the_batch_gives_what_py3langid_gives_one_by_one(monkeypatch):
    monkeypatch.setattr(languages, "_BATCH_ROWS", 5)
    as_it_came = replace(languages._model(), doubled=ITS_OWN)
    monkeypatch.setattr(languages, "_model", lambda: as_it_came)
    sentences = list(SENTENCES.values())
    # Decomposed accents, capitals only, a sign of four bytes: what py3langid treats apart.
    texts = [*sentences, *(text[:9] for text in sentences), "cafe\u0301 au lait", "WHERE IS THE BREAD", "𝔅read is fine"]
    own = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)

    codes, confidences = languages._classify(pl.Series([*texts, ""]))

    expected = [own.classify(text) for text in texts]
    assert list(codes) == [*(code for code, _ in expected), "zxx"]
    assert list(confidences[:-1]) == pytest.approx([confidence for _, confidence in expected], abs=1e-4)


def test_a_slice_of_a_column_is_read_at_its_place():
    column = pl.Series([*SENTENCES.values(), *SENTENCES.values()]).slice(1, 3)

    assert detect_languages(column)["language"].to_list() == ["de", "fr", "es"]


def test_the_codes_are_those_that_the_model_gives():
    given = pl.Series(languages._model().classes).replace(languages._INFORMAL).replace(languages._TWO_LETTERS)

    assert list(languages.LANGUAGES) == sorted(set(given) - {languages._NO_LANGUAGE})


def test_pidgin_counts_as_english():
    classes = list(languages._model().classes)

    assert set(languages._model().doubled) == {*ITS_OWN, (classes.index("en"), classes.index("pcm"))}


def test_doubt_keeps():
    detected = pl.DataFrame({"language": ["de", "de", "en", None], "confidence": [0.70, 0.69, 0.99, None]})

    assert in_other_language(detected, {"en"}).to_list() == [True, False, False, False]
    assert in_other_language(detected, {"de", "en"}).to_list() == [False] * 4


def test_an_english_talk_about_a_foreign_sentence_is_judged_by_both_sides():
    said = pl.Series([f"Please translate: {SENTENCES['es']}", SENTENCES["es"], None])
    replied = pl.Series([f"It means the following: {SENTENCES['en']}", SENTENCES["es"], "b" * 500])

    text = language_sample(said, replied)

    assert in_other_language(detect_languages(text), {"en"}).to_list() == [False, True, False]
    assert text[2] == "\n" + "b" * languages.SAMPLE_CHARACTERS
