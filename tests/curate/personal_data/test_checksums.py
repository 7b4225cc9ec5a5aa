"""Check digits against numbers that their issuers publish, and against every change of one digit."""

import pytest

from plumbline.curate.personal_data import checksums

PUBLISHED = {
    checksums.luhn_holds: ["4111111111111111", "378282246310005", "046454286"],
    checksums.iban_holds: ["DE89370400440532013000", "GB82WEST12345698765432", "MT84MALT011000012345MTLCAST001S"],
    checksums.verhoeff_holds: ["2363"],
    checksums.nhs_holds: ["9434765919"],
    checksums.bsn_holds: ["111222333", "123456782"],
    checksums.cpf_holds: ["52998224725", "11144477735"],
    checksums.pesel_holds: ["44051401359"],
    checksums.steuer_id_holds: ["86095742719", "47036892816"],
    checksums.nif_holds: ["12345678Z", "X1234567L"],
    checksums.nir_holds: ["255081416802538"],
    checksums.codice_fiscale_holds: ["RSSMRA85T10A562S", "MRTMTT91D08F205J"],
    checksums.resident_id_holds: ["11010519491231002X"],
    checksums.base58_holds: ["1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy"],
    checksums.bech32_holds: [
        "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq",
        "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
    ],
}
NUMBERS = [(holds, number) for holds, numbers in PUBLISHED.items() for number in numbers]


@pytest.mark.parametrize(("holds", "number"), NUMBERS, ids=lambda value: getattr(value, "__name__", value))
def test_published_numbers_hold_and_no_change_of_one_digit_does(holds, number):
    assert holds(number)
    changed = [
        number[:place] + digit + number[place + 1 :]
        for place, old in enumerate(number)
        if old.isdigit()
        for digit in "0123456789"
        if digit != old
    ]
    assert len(changed) >= 9
    assert not [other for other in changed if holds(other)]


@pytest.mark.parametrize("holds", PUBLISHED, ids=lambda holds: holds.__name__)
@pytest.mark.parametrize("text", ["", "é", "٣٣٣٣٣٣٣٣٣٣٣", "²", "not a number"])
def test_what_is_no_number_does_not_hold(holds, text):
    assert not holds(text)


def test_every_country_of_the_registry_has_an_iban_length():
    assert len(checksums.IBAN_LENGTHS) >= 85
    assert {checksums.IBAN_LENGTHS[country] for country in ("NO", "MT", "FR", "HN")} == {15, 31, 27, 28}
