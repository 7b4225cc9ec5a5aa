"""Links that let people in, as commands print them, and a server that starts what was not started yet."""

import json
import re
import shutil

import httpx2
import pytest

from tests.cli.collect_client import EXAMPLES, Server, fails

PASSWORD = "four words of mine"


def open_link(link, name, password=PASSWORD):
    """What a browser does with a link: the page's requests, and the cookie that comes of it."""
    base, _, code = link.partition("/join#")
    with httpx2.Client(base_url=f"{base}/api/v1") as http:
        told = http.post("/invitations/read", json={"code": code})
        assert told.status_code == 200, told.text
        joined = http.post("/invitations/accepted", json={"code": code, "name": name, "password": password})
        assert joined.status_code == 201, joined.text
        return told.json(), joined.json(), http.get("/me").json()


def test_a_study_file_is_served_on_a_fresh_install_and_its_owner_logs_in(tmp_path):
    """Several studies in a folder, no store yet: the one that is named is started, beside the file."""
    shutil.copytree(EXAMPLES, tmp_path / "examples")
    server = Server(tmp_path / "examples" / "pairs.toml", words=["--no-access-log"])
    try:
        assert (tmp_path / "examples" / "pairs.db").is_file()
        assert not (tmp_path / "examples" / "collect.db").exists()
        assert "study pairs: started" in server.said
        link = server.wait_for(r"good once\): (http://127\.0\.0\.1:\d+/join#\S+)")[1]
        told, joined, me = open_link(link, "Ada")
        assert (told["role"], told["for_somebody"], joined["role"], me["name"]) == ("owner", True, "owner", "Ada")
    finally:
        code, out, err = server.end()
    assert (code, err.count("Traceback")) == (0, 0)
    assert out.count("join#") == 1
    again = Server(tmp_path / "examples" / "pairs.toml")
    try:
        assert "started" not in again.said
        assert "token" not in again.said
    finally:
        assert "join#" not in again.end()[1]


def test_an_invitation_into_the_study(plumb, pairs):
    code, out, err = plumb(
        "collect", "invite", pairs, "--role", "reviewer", "--uses", "3", "--days", "2", "--note", "Ana\x1b[2J"
    )
    assert code == 0
    assert re.search(r"^note: Ana\\x1b\[2J$", out, re.MULTILINE)
    assert re.search(
        r"^reviewer for somebody new, study pairs, good 3 times, until \d{4}-\d\d-\d\d$", out, re.MULTILINE
    )
    assert re.search(r"^link \(shown this once\): http://127\.0\.0\.1:8080/join#\S{32}$", out, re.MULTILINE)
    assert "--public-url" in err
    assert re.search(r"#\S{32}", err) is None
    given = json.loads(plumb("collect", "invite", pairs, "--public-url", "https://Judge.example.org/", "--json")[1])
    assert given["link"].startswith("https://judge.example.org/join#")
    assert (given["role"], given["study"], given["uses"], given["pseudonym"]) == ("worker", "pairs", 1, None)
    assert json.loads(plumb("collect", "invite", pairs, "--whole-store", "--json")[1])["study"] is None
    assert json.loads(plumb("collect", "invite", pairs, "--role", "owner", "--json")[1])["study"] is None


def test_a_new_password_for_somebody(plumb, pairs):
    somebody = json.loads(plumb("collect", "token", pairs, "--role", "manager", "--json")[1])["pseudonym"]
    given = json.loads(plumb("collect", "invite", pairs, "--for", somebody, "--json")[1])
    assert (given["role"], given["pseudonym"], given["study"]) == ("manager", somebody, None)
    fails(plumb("collect", "invite", pairs, "--for", somebody, "--role", "owner"), "PL-ARG-005")
    fails(plumb("collect", "invite", pairs, "--for", somebody, "--uses", "2"), "PL-IDN-008")
    fails(plumb("collect", "invite", pairs, "--note", "x" * 201), "PL-IDN-008")
    fails(plumb("collect", "invite", pairs, "--for", "nobody-here"), "PL-COL-010")
    fails(plumb("collect", "invite", pairs, "--role", "boss"), "PL-ARG-001")


@pytest.mark.parametrize("command", ["invite", "serve"])
def test_a_public_address_that_is_none(plumb, pairs, command):
    assert "https://NAME" in fails(plumb("collect", command, pairs, "--public-url", "judge.example.org"), "PL-STA-015")


def test_what_is_served_elsewhere_says_what_logging_in_needs(pairs):
    server = Server(pairs, words=["--public-url", "https://judge.example.org", "--no-access-log"])
    try:
        assert "serving pairs at https://judge.example.org\n" in server.said
        server.wait_for("https://judge.example.org/join#")
    finally:
        server.end()


def test_a_start_that_fails_is_told_and_leaves_no_store(plumb, tmp_path):
    shutil.copytree(EXAMPLES, tmp_path / "examples")
    (tmp_path / "examples" / "data" / "comparisons.jsonl").unlink()
    fails(plumb("collect", "serve", tmp_path / "examples" / "pairs.toml"), "PL-STY-007")
    assert not (tmp_path / "examples" / "pairs.db").exists()
