"""docs/how-to/deploy.md: its commands are run in their order, those of engines and of systemd apart, whose words are looked at."""

import re
import shlex

import pytest

from tests.cli.conftest import plumb as plumb
from tests.deploy import reading
from tests.deploy.conftest import empty_database
from tests.deploy.reading import STUDY
from tests.deploy.test_files import parsed

ENGINE = {"build", "up", "stop", "down", "logs", "run"}
APP = "docker compose run --rm app "


def commands(language):
    return [command for spoken, command in reading.guide() if spoken == language]


def test_every_command_for_the_app_does_what_it_says(plumb, machine, monkeypatch):
    for name, value in machine.environment.items():
        monkeypatch.setenv(name, value)
    ran = []
    for command in commands("console"):
        if not command.startswith(APP):
            continue
        words = [machine.placed(word) for word in shlex.split(command.removeprefix(APP))]
        if words[1] == "restore" and "--replace" not in words:
            # A store as people move it here, and an empty database for it.
            moved = words[2]
            assert plumb("collect", "backup", machine.folder / "studies" / STUDY, moved)[0] == 0
            empty_database(machine)
        code, out, err = plumb(*words)
        if words[1] == "export":
            assert (code, "PL-EXP-002" in err) == (1, True), err  # nothing was judged yet
        else:
            assert code == 0, (command, err)
        assert machine.password not in out + err
        if words[1] == "invite":
            assert f"https://{reading.HOST}/join#" in out
        ran.append(words[1])
    assert ran == ["init", "status", "invite", "export", "backup", "restore", "backup", "migrate", "restore"]
    assert (machine.folder / "backups/2026-11-22.db").is_file()
    # The database lets in who brings the file, and nobody else.
    monkeypatch.setenv("PGPASSFILE", "/nowhere")
    assert "PL-COL-043" in plumb("collect", "status", machine.folder / "studies" / STUDY)[2]


def test_every_other_command_is_known():
    for command in commands("console"):
        words = shlex.split(command)
        if words[:2] == ["docker", "compose"]:
            assert words[2] in ENGINE, command
            services = {word for word in words[3:] if words[2] in ("stop", "logs")}
            assert services <= set(reading.filled_compose()["services"])
        elif words[0] == "sh":
            assert (reading.ROOT / words[1]).is_file()
        else:
            assert command == "git pull", command


def test_the_nightly_backups_are_commands_that_there_are():
    with_docker, without = (
        command.replace("\\%", "%").replace("$(date +%F)", "2026-11-22").split(" && ")
        for command in commands("text")
        if command.startswith("0 3")
    )
    assert with_docker[-1].replace("--no-TTY ", "") in commands("console")
    program, *words = shlex.split(without[-1])
    assert program == "/opt/plumbline/bin/plumbline"
    assert "backups/2026-11-22.db" in map(str, parsed(words).values())


def test_what_stands_for_systemd_names_options_that_there_are():
    (unit,) = [command for command in commands("ini") if command.startswith("ExecStart=")]
    program, *words = shlex.split(unit.partition("=")[2])
    assert program == "/opt/plumbline/bin/plumbline"
    given = parsed(words)
    assert (given["host"], given["processes"]) == ("127.0.0.1", 2)
    settings = dict(line.split("=", 1) for line in commands("env"))
    assert settings.keys() == {"PLUMBLINE_STORE", "PLUMBLINE_PUBLIC_URL"}
    installed = [command for command in commands("text") if "pip install" in command]
    extras = re.findall(r"\[([a-z,]+)\]", " ".join(each.said for each in reading.stages()[0]))
    assert re.findall(r"\[([a-z,]+)\]", installed[0]) == extras
    for command in commands("text"):
        if command.startswith("plumbline "):
            assert parsed(shlex.split(command)[1:])


@pytest.mark.parametrize("flag", ["--trusted-proxy", "--permit-variable", "--processes", "--host", "--openid"])
def test_options_that_the_guide_names_exist(flag):
    text = (reading.ROOT / "docs/how-to/deploy.md").read_text()
    assert flag in text
    assert parsed(["collect", "serve", "s", flag, "1"])
