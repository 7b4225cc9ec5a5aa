"""What Dockerfile, compose.yaml and the script beside them promise, read without an engine."""

import re
import stat
import subprocess
import tomllib

import pytest
import typer.main

from plumbline.cli.main import app
from plumbline.collect.server.running import GRACE_SECONDS
from tests.deploy import reading
from tests.deploy.reading import ROOT

COMPOSE = reading.filled_compose()
SERVICES = COMPOSE["services"]
SECRET = re.compile(r"passw|secret|token|key", re.IGNORECASE)


def prepare(folder, *words):
    """The script, as somebody calls it in a checkout of their own."""
    (folder / "deploy").mkdir(exist_ok=True)
    (folder / "deploy/prepare.sh").write_bytes((ROOT / "deploy/prepare.sh").read_bytes())
    return subprocess.run(["sh", "deploy/prepare.sh", *words], cwd=folder, capture_output=True, text=True)


def test_images_are_pinned_and_no_secret_is_in_a_layer():
    images = [each[0].said.split()[0] for each in reading.stages()]
    images += [service["image"] for service in SERVICES.values()]
    for image in images:
        assert re.fullmatch(r"[a-z-]+:(local|\d+(\.\d+)?(-[a-z-]+)?)", image), image
    for instruction in (each for stage in reading.stages() for each in stage):
        assert instruction.name != "ARG"
        assert instruction.name not in ("ENV", "LABEL") or not SECRET.search(instruction.said)
    ignored = (ROOT / ".dockerignore").read_text().split("\n")
    assert next(line for line in ignored if line and not line.startswith("#")) == "*"
    copied = [each.said.split()[:-1] for each in reading.stages()[0] if each.name == "COPY"]
    assert {f"!{name}" for names in copied for name in names} == {line for line in ignored if line.startswith("!")}


def test_the_image_runs_as_nobody_in_particular_and_hears_signals():
    last = reading.stages()[-1]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", reading.the(last, "USER").said)
    assert reading.the(last, "ENTRYPOINT").words == ["plumbline"]
    assert reading.the(last, "CMD").words
    assert reading.the(last, "STOPSIGNAL").said == "SIGTERM"
    assert "/studies" in reading.the(last, "VOLUME").words
    after_user = [each.name for each in last][[each.name for each in last].index("USER") :]
    assert not {"RUN", "COPY"} & set(after_user)


def test_the_image_has_the_extras_that_serving_needs():
    (said,) = re.findall(r"\[([a-z,]+)\]", " ".join(each.said for each in reading.stages()[0]))
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(said.split(",")) == {"collect", "postgres", "sources", "oidc"} <= known.keys()


def test_only_the_proxy_can_be_reached_and_only_by_tls_or_for_it():
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["proxy"]
    assert {port.split("/")[0] for port in SERVICES["proxy"]["ports"]} == {"80:80", "443:443"}
    assert COMPOSE["networks"]["back"]["internal"] is True
    assert SERVICES["database"]["networks"] == ["back"]
    assert not {"network_mode", "privileged"} & {key for service in SERVICES.values() for key in service}


def test_the_app_believes_the_proxy_alone():
    address = SERVICES["proxy"]["networks"]["front"]["ipv4_address"]
    assert f"--trusted-proxy={address}" in SERVICES["app"]["command"]
    assert "reverse_proxy app:8080" in (ROOT / "deploy/Caddyfile").read_text()
    assert reading.the(reading.stages()[-1], "EXPOSE").said == "8080"


def test_passwords_come_by_files_and_stand_in_no_setting():
    assert COMPOSE["secrets"] == {
        name: {"file": f"./deploy/secrets/{name}"} for name in ("database-password", "database-passfile")
    }
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            assert not SECRET.search(name) or name.endswith("_FILE"), name
            assert not re.search(r"//[^/@]*:[^/@]*@|password=", value), name
            assert not value.startswith("/run/secrets/") or value.rsplit("/", 1)[1] in service["secrets"]
    ignored = (ROOT / ".gitignore").read_text().split()
    assert {"/.env", "/deploy/secrets/", "/studies/", "/backups/"} <= set(ignored)


def test_services_wait_for_each_other_and_end_in_peace():
    assert SERVICES["app"]["depends_on"] == {"database": {"condition": "service_healthy"}}
    assert SERVICES["proxy"]["depends_on"] == {"app": {"condition": "service_healthy"}}
    assert int(SERVICES["app"]["stop_grace_period"].removesuffix("s")) > GRACE_SECONDS
    app_service = SERVICES["app"]
    assert (app_service["read_only"], app_service["cap_drop"], app_service["init"]) == (True, ["ALL"], True)
    assert {volume.split(":")[1] for volume in app_service["volumes"]} == {"/studies", "/backups", "/tmp"}
    named = {volume.split(":")[0] for service in SERVICES.values() for volume in service["volumes"]}
    assert {name for name in named if "/" not in name} == set(COMPOSE["volumes"])


@pytest.mark.parametrize("missing", ["PLUMBLINE_HOST", "PLUMBLINE_STUDY", "PLUMBLINE_USER"])
def test_compose_refuses_to_start_without_its_settings(missing):
    given = {"PLUMBLINE_HOST": "h", "PLUMBLINE_STUDY": "s", "PLUMBLINE_USER": "1:1"}
    with pytest.raises(KeyError, match=missing):
        reading.compose(**{name: value for name, value in given.items() if name != missing})


def parsed(words):
    """What the command line makes of words; a UsageError where an option does not exist."""
    command, context = typer.main.get_command(app), None
    while words and hasattr(command, "get_command"):
        context = command.make_context(words[0], [], parent=context, resilient_parsing=True)
        command, words = command.get_command(context, words[0]), words[1:]
        assert command is not None
    return command.make_context("command", list(words), parent=context).params


def test_every_option_of_compose_is_one_of_the_program():
    given = parsed(SERVICES["app"]["command"])
    assert (given["host"], given["port"], given["processes"]) == ("0.0.0.0", 8080, 2)
    assert given["trusted_proxy"] == ["172.31.240.2"]
    with pytest.raises(Exception, match="No such option"):
        parsed([*SERVICES["app"]["command"], "--trusted-proxies=172.31.240.2"])


def test_the_script_makes_a_password_of_its_own_each_time_and_replaces_nothing(tmp_path):
    made = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        done = prepare(folder, "judge.example.org", "my-study")
        assert done.returncode == 0, done.stderr
        password = (folder / "deploy/secrets/database-password").read_text()
        assert re.fullmatch(r"[0-9a-f]{64}", password)
        assert password not in done.stdout + done.stderr
        passfile = folder / "deploy/secrets/database-passfile"
        assert passfile.read_text() == f"database:*:plumbline:plumbline:{password}\n"
        assert stat.S_IMODE(passfile.stat().st_mode) == 0o600  # libpq passes over any other
        assert (folder / "studies").is_dir()
        made.append(password)
    assert made[0] != made[1]
    settings = dict(line.split("=") for line in (folder / ".env").read_text().split())
    assert (settings["PLUMBLINE_HOST"], settings["PLUMBLINE_STUDY"]) == ("judge.example.org", "my-study")
    assert not settings["PLUMBLINE_USER"].startswith("0:")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert prepare(folder, "other.example.org", "other").returncode == 0
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    "words", [(), ("judge.example.org",), ("https://judge.example.org", "s"), ("h", "../s"), ("h", "")]
)
def test_the_script_refuses_what_is_no_host_or_folder(words, tmp_path):
    done = prepare(tmp_path, *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["prepare.sh"]
