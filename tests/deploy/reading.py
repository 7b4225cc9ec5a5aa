"""Dockerfile, compose.yaml and the guide as the tests read them; no engine is needed for that."""

import json
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
HOST, STUDY = "judge.example.org", "my-study"


@dataclass(frozen=True)
class Instruction:
    """One of a Dockerfile: its name in capitals, and what follows, on one line."""

    name: str
    said: str

    @property
    def words(self):
        """The exec form, ``["a", "b"]``; fails for the shell form, by which signals would not arrive."""
        return json.loads(self.said)


def stages():
    """The Dockerfile's instructions, a list for each FROM."""
    lines = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.lstrip().startswith("#")]
    found = []
    for line in re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines():
        if line.strip():
            name, _, said = line.partition(" ")
            found += [[]] if name == "FROM" else []
            found[-1].append(Instruction(name, said.strip()))
    return found


def the(stage, name):
    """What follows the one instruction of this name."""
    (found,) = [each for each in stage if each.name == name]
    return found


def health_check(stage):
    """The command of HEALTHCHECK."""
    return json.loads(the(stage, "HEALTHCHECK").said.partition("CMD ")[2])


def variables(stage):
    """What ENV sets."""
    words = [word for each in stage if each.name == "ENV" for word in shlex.split(each.said)]
    return dict(word.split("=", 1) for word in words)


def compose(**settings):
    """compose.yaml with its variables filled in; a KeyError where one is missing that compose would ask for."""

    def filled(found):
        name, _, advice = found[1].partition(":?")
        assert advice, f"{name} may be missing, and compose would go on"
        return settings[name]

    def filled_in(value):
        if isinstance(value, dict):
            return {key: filled_in(each) for key, each in value.items()}
        if isinstance(value, list):
            return [filled_in(each) for each in value]
        return re.sub(r"\$\{([^}]*)\}", filled, value) if isinstance(value, str) else value

    return filled_in(yaml.safe_load((ROOT / "compose.yaml").read_text()))


def filled_compose():
    """compose.yaml as `prepare.sh judge.example.org my-study` fills it."""
    return compose(PLUMBLINE_HOST=HOST, PLUMBLINE_STUDY=STUDY, PLUMBLINE_USER="10001:10001")


def guide():
    """The guide's commands by language of their block, line ends joined: [(language, command)]."""
    text = (ROOT / "docs/how-to/deploy.md").read_text()
    found = []
    for language, block in re.findall(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        joined = re.sub(r"\\\n\s*", "", block)
        found += [(language, line) for line in joined.splitlines() if line.strip()]
    return found
