"""Data that runs as code when it is read (CVE-2025-5173 and its kin: pickles, YAML with types, eval)."""

import ast
from pathlib import Path

import plumbline

MODULES = {
    "pickle",
    "_pickle",
    "cPickle",
    "dill",
    "cloudpickle",
    "marshal",
    "shelve",
    "jsonpickle",
    "joblib",
    "imp",
}
CALLS = {"eval", "exec", "compile", "__import__"}
METHODS = {
    ("torch", "load"),
    ("np", "load"),
    ("numpy", "load"),
    ("pd", "read_pickle"),
    ("os", "system"),
    ("os", "popen"),
}
PLAIN_YAML = {"safe_load", "safe_dump", "SafeLoader", "YAMLError", "events", "compose", "AliasEvent"}
PLAIN_YAML |= {"Node", "ScalarNode", "SequenceNode", "MappingNode"}
"""What of PyYAML makes plain values alone, or nodes of which nothing was made yet."""
FOLDER = Path(plumbline.__file__).parent


def faults_of(tree):
    """What in a module reads code, or data as code."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.partition(".")[0] in MODULES)
        elif isinstance(node, ast.ImportFrom):
            if (node.module or "").partition(".")[0] in {*MODULES, "yaml"}:
                yield node.module
        elif isinstance(node, ast.Call):
            yield from _fault_of_call(node)
        elif _is_of_yaml(node) and node.attr not in PLAIN_YAML:
            yield f"yaml.{node.attr}"


def _is_of_yaml(node):
    """`yaml.NAME`."""
    return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "yaml"


def _fault_of_call(node):
    called = node.func
    if isinstance(called, ast.Name) and called.id in CALLS:
        yield called.id
    if isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name):
        name = (called.value.id, called.attr)
        given = {keyword.arg: keyword.value for keyword in node.keywords}
        refuses = [given.get("weights_only"), given.get("allow_pickle")]
        safe = [
            isinstance(value, ast.Constant) and value.value is want
            for value, want in zip(refuses, (True, False), strict=True)
        ]
        if name in METHODS and not any(safe):
            yield ".".join(name)
    for keyword in node.keywords:
        if keyword.arg in ("shell", "allow_pickle") and not (
            isinstance(keyword.value, ast.Constant) and keyword.value.value is False
        ):
            yield f"{keyword.arg}="


def test_cve_2025_5173_nothing_that_is_read_runs():
    paths = sorted(FOLDER.rglob("*.py"))
    assert len(paths) > 200
    found = {
        path.relative_to(FOLDER).as_posix(): faults
        for path in paths
        if (faults := sorted(set(faults_of(ast.parse(path.read_bytes())))))
    }
    assert found == {}


def test_planted_faults_are_found():
    text = "import pickle\nyaml.load(f)\nyaml.safe_load(f)\nfrom marshal import loads\neval('1')\ntorch.load(f)\ntorch.load(f, weights_only=True)\nrun(x, shell=True)"
    assert sorted(faults_of(ast.parse(text))) == ["eval", "marshal", "pickle", "shell=", "torch.load", "yaml.load"]


def test_trust_remote_code_is_never_the_default():
    """A model's folder may hold programs: they run where somebody says so by name, and nowhere else."""
    found = []
    speaking = [path for path in FOLDER.rglob("*.py") if b"trust_" in path.read_bytes()]
    assert speaking
    for path in speaking:
        for node in ast.walk(ast.parse(path.read_bytes())):
            given = node.value if isinstance(node, ast.keyword) and node.arg == "trust_remote_code" else None
            if isinstance(given, ast.Constant) and given.value is not False:
                found.append((path.name, given.lineno))
            if isinstance(node, ast.FunctionDef):
                named = [*zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)]
                found += [
                    (path.name, node.lineno)
                    for argument, default in named
                    if argument.arg in ("trust_remote_code", "trust_code")
                    and isinstance(default, ast.Constant)
                    and default.value is not False
                ]
    assert found == []
