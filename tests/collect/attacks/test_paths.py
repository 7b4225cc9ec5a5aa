"""Paths that lead out (CVE-2023-1177, CVE-2024-1560: files of the server by ``..``, by absolute paths, by links)."""

import io
import stat
import tarfile
import zipfile
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest

from plumbline.collect.pages.static_files import FOLDER, static_files
from plumbline.collect.store.migrating import create_store
from tests.collect.api.client import toml
from tests.collect.attacks.whole import two_studies

LEADING_OUT = [
    "../__init__.py",
    "..%2f__init__.py",
    "%2e%2e/__init__.py",
    "%2e%2e%2f__init__.py",
    "..%5c__init__.py",
    "..\\__init__.py",
    "....//__init__.py",
    "work/../../__init__.py",
    "%252e%252e%252f__init__.py",
    "/etc/passwd",
    "//etc/passwd",
    "file:///etc/passwd",
    "style.css%00.js",
    "style.css/",
    "./style.css",
    "work//../style.css",
    "STYLE.CSS",
    "",
    ".",
    "..",
]


@pytest.mark.parametrize("name", LEADING_OUT)
def test_cve_2023_1177_static_files_are_those_of_the_folder(api, name):
    """Sent as it is: a client that tidies paths up would hide the attack."""
    prefix = static_files().prefix
    secret = (FOLDER.parent / "__init__.py").read_bytes()
    answers = [
        api.raw("GET", f"{prefix}/{name}"),
        scoped(api, f"{prefix}/{name}"),
        scoped(api, f"{prefix}/{quote(name)}"),
    ]
    for answer in answers:
        assert answer.status_code == 404 or answer.content in {file.content for file in static_files().by_name.values()}
        assert secret not in answer.content
        assert b"root:" not in answer.content


def scoped(api, path):
    """A request whose path no client has touched."""
    import httpx2

    sent = []

    async def receive():
        return {"type": "http.request", "body": b""}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "",
        "headers": [(b"host", b"127.0.0.1")], "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
    }  # fmt: skip
    api.runner.run(api.app(scope, receive, send))
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return httpx2.Response(sent[0]["status"], content=body)


def test_a_file_that_was_linked_into_the_folder_is_not_served(tmp_path, monkeypatch):
    from plumbline.collect.pages import static_files as module

    (tmp_path / "style.css").write_text("a {}")
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / ".hidden.js").mkdir()
    monkeypatch.setattr(module, "FOLDER", tmp_path)
    assert list(module.static_files.__wrapped__().by_name) == ["style.css"]


@pytest.mark.parametrize(
    "name", ["../s", "..", "/etc", "a/b", "a\\b", "s\u0000", "s\n", "S", "s.zip", "-s", "ａ", "con:", "s" * 64]
)
def test_no_study_is_named_by_a_path(api, name):
    body = {"file": toml(name=name), "guidelines": "x"}
    api.problem("POST", "/studies", api.owner, json=body, status=422, code="PL-STY-002")


def test_an_export_is_named_by_its_study_and_its_form(api):
    two_studies(api)
    worker = api.somebody()
    api.submitted(api.next("s", worker), worker, act="judge-pair", helpfulness=1)
    answer = api("GET", "/studies/s/export?to=judgements&licence=CC0-1.0&uses=preference", api.owner)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-disposition"] == 'attachment; filename="s-judgements.zip"'
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        for member in archive.infolist():
            assert not member.filename.startswith(("/", "\\")), member.filename
            assert ".." not in Path(member.filename).parts
            assert not stat.S_ISLNK(member.external_attr >> 16)
    for form in ("../judgements", "judgements/../..", "judgements%00", "judgements%0d%0aX: y"):
        assert api("GET", f"/studies/s/export?to={form}", api.owner).status_code == 422


def archives():
    """Archives with members that lead out, by what they are."""
    zipped, tarred = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("../../../tmp/plumbline-was-here", b"x")
        archive.writestr("/tmp/plumbline-was-here", b"x")
    with tarfile.open(fileobj=tarred, mode="w:gz") as archive:
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/tmp"
        archive.addfile(link)
        inner = tarfile.TarInfo("link/plumbline-was-here")
        inner.size = 1
        archive.addfile(inner, io.BytesIO(b"x"))
    return {"zip": zipped.getvalue(), "tar": tarred.getvalue()}


@pytest.mark.parametrize("form", ["jsonl", "jsonl.gz", "parquet"])
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_archives_are_not_unpacked(api, form, kind):
    """Items come as one file, never as an archive; nothing in it becomes a file of the server."""
    two_studies(api)
    before = api.got("GET", "/studies/s/items", api.owner)["items"]
    answer = api("POST", f"/studies/s/items?form={form}", api.owner, content=archives()[kind])
    assert answer.status_code in (200, 400, 422), answer.text
    assert api.got("GET", "/studies/s/items", api.owner)["items"] == before
    assert not Path("/tmp/plumbline-was-here").exists()
    assert "/tmp" not in answer.text


def test_an_upload_names_no_file_of_the_servers(api, tmp_path):
    two_studies(api)
    secret = tmp_path / "secret.jsonl"
    secret.write_text('{"prompt": "SECRET", "response_0": "a", "response_1": "b"}\n')
    for text in (str(secret), f"@{secret}", f'{{"$ref": "file://{secret}"}}', f'{{"path": "{secret}", "bytes": null}}'):
        answer = api("POST", "/studies/s/items", api.owner, content=text.encode())
        assert answer.status_code in (200, 400, 422)
        assert "SECRET" not in answer.text
    assert "SECRET" not in str(api.got("GET", "/studies/s/items", api.owner))


def test_what_is_uploaded_is_gone_afterwards(api, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    two_studies(api)
    for content in (b"nonsense", b"\x1f\x8b\x08nonsense", b"PAR1nonsensePAR1"):
        for form in ("jsonl", "jsonl.gz", "parquet"):
            api("POST", f"/studies/s/items?form={form}", api.owner, content=content)
    assert list(tmp_path.iterdir()) == []


def test_a_store_is_its_owners_alone(tmp_path):
    """Others on the machine read no digest out of it (CVE-2024-1560 read files of other tenants)."""
    with closing(create_store(tmp_path / "store.db")):
        assert (tmp_path / "store.db").stat().st_mode & 0o077 == 0
