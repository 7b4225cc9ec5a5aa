"""The store is the only place with SQL, and its functions show none of it."""

import ast
from pathlib import Path

import plumbline

SOURCES = Path(plumbline.__file__).parent
STORE = SOURCES / "collect" / "store"
DATABASES = {"sqlalchemy", "alembic", "psycopg", "sqlite3"}
MODULES = [path for path in STORE.rglob("*.py") if path.parent.name not in {"migrations", "versions"}]


def imported(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name.partition(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


def test_no_other_module_imports_a_database():
    others = [path for path in SOURCES.rglob("*.py") if STORE not in path.parents]
    assert len(others) > 150
    # Who does not even name one is not parsed.
    naming = [path for path in others if any(name in path.read_text(encoding="utf-8") for name in DATABASES)]
    found = [path.name for path in naming if DATABASES & set(imported(path))]
    assert found == []


def test_every_public_function_says_what_it_does():
    undocumented, count = [], 0
    for path in MODULES:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                count += 1
                if not ast.get_docstring(node):
                    undocumented.append(f"{path.name}: {node.name}")
    assert count > 90
    assert undocumented == []


def test_functions_and_files_stay_small():
    assert len(MODULES) > 25
    for path in MODULES:
        text = path.read_text(encoding="utf-8")
        assert len(text.splitlines()) <= 400, path.name
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                assert node.end_lineno - node.lineno < 45, f"{path.name}: {node.name}"
