"""The file of --openid: all that is wrong with it is told at once, and a secret stands in no file and in no message."""

import pickle
import re
from pathlib import Path

import pytest

import plumbline
from plumbline.collect.service.failures import ServeError
from plumbline.collect.service.identity.openid.settings import openid_config, read_openid_settings
from plumbline.collect.study_problems import StudyFileError
from plumbline.records import UsageError

RIGHT = {"issuer": '"https://id.example.org/realms/one"', "client_id": '"plumbline"', "label": '"Example"'}


@pytest.fixture
def file(tmp_path):
    def write(**changes):
        said = {name: value for name, value in (RIGHT | changes).items() if value is not None}
        path = tmp_path / "openid.toml"
        path.write_text("\n".join(f"{name} = {value}" for name, value in said.items()))
        return path

    return write


def config(path, environment=None, *, public_url="https://judge.example.org", studies=("s",)):
    return openid_config(path, environment or {}, public_url=public_url, studies=studies)


def test_the_file_of_the_how_to_is_one(tmp_path):
    page = (Path(plumbline.__file__).parents[2] / "docs/how-to/collect.md").read_text()
    (said,) = re.findall(r"^```toml\n(issuer = .*?)^```$", page, re.MULTILINE | re.DOTALL)
    path = tmp_path / "openid.toml"
    path.write_text(said)
    assert read_openid_settings(path).label == "Example University"
    for line in re.findall(r"^\| `(\w+ = [^`]+)` \|", page, re.MULTILINE):
        path.write_text(f"{said}{line}\n")
        read_openid_settings(path)


def test_the_least_that_a_file_says(file):
    found = config(file())
    assert found.redirect_uri == "https://judge.example.org/openid/callback"
    assert (found.secret, found.settings.new_people, found.settings.asked_scopes) == (None, "invited", "openid")
    assert config(file(allowed_domains='["example.org"]')).settings.asked_scopes == "openid email"


def test_the_secret_comes_from_the_environment_and_is_told_to_nobody(file):
    path = file(client_secret_variable='"OIDC_SECRET"')
    found = config(path, {"OIDC_SECRET": "hush"})
    assert found.secret == "hush"
    assert "hush" not in repr(found)
    assert pickle.loads(pickle.dumps(found)) == found, "it travels to every process"
    for environment in ({}, {"OIDC_SECRET": "  "}, {"OIDC_SECRET": "hüsh"}):
        with pytest.raises(UsageError) as caught:
            config(path, environment)
        assert caught.value.code == "PL-OID-005"
        assert "hüsh" not in str(caught.value)


WRONG = {
    "an unknown setting": ({"isuer": '"x"'}, "PL-OID-001", "issuer, if that is what you mean"),
    "a secret in the file": ({"client_secret": '"hush"'}, "PL-OID-001", "client_secret_variable"),
    "a secret where its variable belongs": (
        {"client_secret_variable": '"hush-1"'},
        "PL-OID-002",
        "environment variable",
    ),
    "no issuer": ({"issuer": None}, "PL-OID-003", "issuer"),
    "no label": ({"label": None}, "PL-OID-003", "label"),
    "an issuer in the clear": ({"issuer": '"http://id.example.org"'}, "PL-OID-002", "https://"),
    "an issuer with a query": ({"issuer": '"https://id.example.org/?a=b"'}, "PL-OID-002", "https://"),
    "an issuer with a password": ({"issuer": '"https://a:hush@id.example.org"'}, "PL-OID-002", "https://"),
    "a label that cannot be seen": ({"label": '"a\\u202eb"'}, "PL-OID-002", "label"),
    "a domain in capitals": ({"allowed_domains": '["Example.org"]'}, "PL-OID-002", "small letters"),
    "a sort of people that there is not": ({"new_people": '"everybody"'}, "PL-OID-002", "'invited' or 'worker'"),
    "a claim of another sort": ({"required_claims": "{groups = [1.5]}"}, "PL-OID-002", "required_claims"),
    "no TOML": ({"label": "Example"}, "PL-OID-004", "TOML"),
    "numbers without end": ({"label": "1" * 5000}, "PL-OID-004", "without end"),
}


@pytest.mark.parametrize("title", WRONG)
def test_what_is_wrong_is_told_with_what_to_do(file, title):
    changes, code, told = WRONG[title]
    with pytest.raises(StudyFileError) as caught:
        read_openid_settings(file(**changes))
    assert caught.value.code == code
    assert told in str(caught.value)
    assert "hush" not in str(caught.value)


def test_all_that_is_wrong_is_told_at_once(file, tmp_path):
    with pytest.raises(StudyFileError) as caught:
        read_openid_settings(file(issuer='"x"', client_id=None, colour="1"))
    assert {problem.code for problem in caught.value.problems} == {"PL-OID-001", "PL-OID-002", "PL-OID-003"}
    assert "openid.toml line 1, issuer" in str(caught.value)
    with pytest.raises(StudyFileError) as caught:
        read_openid_settings(tmp_path / "none.toml")
    assert caught.value.code == "PL-OID-004"


@pytest.mark.parametrize("public_url", [None, "http://judge.example.org", "http://10.0.0.7:8080"])
def test_browsers_have_to_come_back_where_nobody_listens(file, public_url):
    with pytest.raises(ServeError) as caught:
        config(file(), public_url=public_url)
    assert caught.value.code == "PL-OID-006"
    assert config(file(), public_url="http://127.0.0.1:8080").redirect_uri == "http://127.0.0.1:8080/openid/callback"


def test_new_workers_come_into_a_study_that_is_served(file):
    path = file(new_people='"worker"')
    assert config(path).settings.study == "s"
    for studies, said in ((("s", "t"), None), (("s", "t"), '"u"')):
        with pytest.raises(ServeError) as caught:
            config(file(new_people='"worker"', study=said), studies=studies)
        assert caught.value.code == "PL-OID-007"
    assert config(file(new_people='"worker"', study='"t"'), studies=("s", "t")).settings.study == "t"
