"""A machine as the guide leaves it, but for the engine: files made by the script, Postgres, and what the image holds."""

import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.collect import postgres_server
from tests.deploy import reading
from tests.deploy.reading import HOST, ROOT, STUDY

PROXY = "127.0.0.2"


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


@dataclass(frozen=True)
class Machine:
    """Where things are that have fixed places in a container.

    Attributes:
        folder: the checkout, with what `prepare.sh` made in it.
        socket: of the Postgres server, which asks nobody there for a password.
        ports: of the app, and of Postgres.
    """

    folder: Path
    socket: str
    ports: tuple[int, int]

    @property
    def password(self):
        return (self.folder / "deploy/secrets/database-password").read_text()

    def placed(self, said):
        """Words of Dockerfile, compose.yaml or the guide with the places of this machine for those of containers."""
        said = re.sub(r"^/(studies|backups)\b", rf"{self.folder}/\1", said)
        said = said.replace("/run/secrets", f"{self.folder}/deploy/secrets").replace("172.31.240.2", PROXY)
        return re.sub(r"\b8080\b", str(self.ports[0]), said)

    @property
    def environment(self):
        """The image's variables and compose's, and where `database` is."""
        app = reading.filled_compose()["services"]["app"]
        image = reading.variables(reading.stages()[-1])
        said = {**image, **app["environment"], "PLUMBLINE_CACHE": str(self.folder / "cache")}
        del said["PATH"]
        found = {"PGHOSTADDR": "127.0.0.1", "PGPORT": str(self.ports[1])}
        return {name: self.placed(value) for name, value in said.items()} | found


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    folder = tmp_path_factory.mktemp("machine")
    shutil.copytree(ROOT / "deploy", folder / "deploy", ignore=shutil.ignore_patterns("secrets"))
    subprocess.run(["sh", "deploy/prepare.sh", HOST, STUDY], cwd=folder, capture_output=True, check=True)
    password = (folder / "deploy/secrets/database-password").read_text()
    port = free_port()
    try:
        with postgres_server.running_server(password=password, port=port) as place:
            made = Machine(folder, place, (free_port(), port))
            empty_database(made)
            yield made
    except postgres_server.NoPostgres as error:
        pytest.skip(f"no Postgres here: {error}")


def empty_database(machine):
    """The database `plumbline` as Postgres' image makes it, in the place of an earlier one."""
    call = [postgres_server.find_program("psql"), "--quiet", "--no-psqlrc", "-h", machine.socket, "-U", "plumbline"]
    words = ["-p", str(machine.ports[1]), "-d", "postgres", "-v", "ON_ERROR_STOP=1"]
    statements = ["SET client_min_messages = warning", "DROP DATABASE IF EXISTS plumbline", "CREATE DATABASE plumbline"]
    # Without the variables of this process, which may say another way in.
    subprocess.run([*call, *words, *(f"--command={each}" for each in statements)], check=True, env={"LC_ALL": "C"})


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """What the Dockerfile installs: the folder with its programs, on this Python's own packages."""
    folder = tmp_path_factory.mktemp("image")
    checkout, wheels = folder / "checkout", folder / "wheels"
    checkout.mkdir()
    first = reading.stages()[0]
    for names in (each.said.split()[:-1] for each in first if each.name == "COPY"):
        for name in names:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copyfile
            copy(ROOT / name, checkout / name)
    (build,) = [shlex.split(each.said) for each in first if each.name == "RUN" and "pip wheel" in each.said]
    words = [str(wheels) if word == "/wheels" else word for word in build[1:]]
    assert build[0] == "python"
    subprocess.run([sys.executable, *words, "--quiet"], cwd=checkout, check=True)
    (wheel,) = wheels.glob("plumbline_rlhf-*.whl")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    install = ["-m", "pip", "--python", folder / "venv/bin/python", "install", "--quiet", "--no-deps", wheel]
    subprocess.run([sys.executable, *install], check=True)
    # A path in a .pth file is taken as it is: what .pth files stand there, the checkout's among them, is not followed.
    (packages,) = (folder / "venv/lib").glob("python*/site-packages")
    (packages / "tested-with.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return folder / "venv"


def run_in(image, words, environment, **more):
    """A program of the image; nothing of this process's environment but where temporary files go."""
    kept = {name: os.environ[name] for name in ("TMPDIR", "OMP_NUM_THREADS") if name in os.environ}
    path = {"PATH": f"{image}/bin:/usr/bin:/bin"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([f"{image}/bin/{words[0]}", *words[1:]], env=kept | environment | path, **pipes, **more)
