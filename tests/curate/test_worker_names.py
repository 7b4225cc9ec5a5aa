"""Workers in notes: pseudonyms stay, and nothing that may lead to a person does."""

from plumbline.curate.worker_names import is_name_for_notes, names_for_notes


def test_pseudonyms_stay_and_names_do_not():
    plain = ["w1", "17", "annotator_3", "abcdefgh23", "0123456789abcdef"]
    telling = [
        "jo.doe@quietmail.net",
        "Jo Doe",
        "jane",
        "5f3c0a1b2c3d4e5f6a7b8c9d",
        "A1B2C3D4E5F6G7",
        "w1\n",
        "unnamed-3",
    ]
    found = names_for_notes([*telling, *plain, *plain])
    assert {name: found[name] for name in plain} == dict(zip(plain, plain, strict=True))
    assert all(found[name].startswith("unnamed-") for name in telling)
    assert len(set(found.values())) == len(plain) + len(telling), "two never become one"
    assert names_for_notes(reversed([*plain, *telling])) == found
    assert all(map(is_name_for_notes, found.values()))
    assert [name for name in telling if is_name_for_notes(name)] == ["unnamed-3"]
