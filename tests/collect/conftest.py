"""Stores for the tests of `collect`: each test has an empty one of its own, on SQLite and on Postgres."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from plumbline.collect.store.database import Store
from plumbline.collect.store.migrating import create_store, open_store
from tests.collect import postgres_server
from tests.collect.api.client import Api
from tests.collect.careless_stores import careless_stores as careless_stores
from tests.collect.careless_stores import waiting_for_the_disk as waiting_for_the_disk
from tests.collect.statements_once import statements_once as statements_once
from tests.collect.tables_once import by_migrations as by_migrations
from tests.collect.tables_once import tables_once as tables_once

DATABASES = ("sqlite", "postgres")
HERE = Path(__file__).parent
ALWAYS_ON_BOTH = (HERE / "store", HERE / "attacks")
"""Whose tests speak to the databases themselves, or as whoever attacks them does."""
AT_LENGTH = ("test_replacing.py", "test_identity_kept.py")
"""Of these, what rows a restore leaves where it ran as `test_restoring.py` shows on both."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is above the store asks both databases the same: where it is shown on SQLite, `make thorough` does on Postgres."""
    # Pytest gives every conftest all tests of the run: those elsewhere are none of ours.
    ours = [item for item in items if HERE in item.path.parents and hasattr(item, "callspec")]
    on = {item: item.callspec.params.get("database") for item in ours}
    shown = {
        (item.path, item.originalname)
        for item, database in on.items()
        if database == "sqlite" and not item.get_closest_marker("thorough")
    }
    for item, database in on.items():
        is_apart = any(place in item.path.parents for place in ALWAYS_ON_BOTH) and item.path.name not in AT_LENGTH
        if database == "postgres" and (item.path, item.originalname) in shown and not is_apart:
            item.add_marker(pytest.mark.thorough)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with empty tables; a copy of it is a new store."""
    path = tmp_path_factory.mktemp("template") / "store.db"
    create_store(path).close()
    return path


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The socket of a server; tests that need it are skipped where none can be started."""
    with ExitStack() as stack:
        try:
            socket = stack.enter_context(postgres_server.running_server())
        except postgres_server.NoPostgres as error:
            pytest.skip(f"no Postgres here: {error}")
        yield socket


@pytest.fixture(scope="session")
def postgres_template(postgres: str) -> str:
    """A database with empty tables; a copy of it is a new store."""
    name = postgres_server.make_database(postgres)
    create_store(postgres_server.address_of(postgres, name)).close()
    return name


@pytest.fixture(scope="session")
def bare_databases() -> list[str]:
    """Databases without tables that no test uses now."""
    return []


@pytest.fixture
def empty_postgres(postgres: str, bare_databases: list[str]) -> Iterator[str]:
    """The address of a database without tables."""
    name = bare_databases.pop() if bare_databases else postgres_server.make_database(postgres)
    yield postgres_server.address_of(postgres, name)
    postgres_server.clear_database(postgres, name)
    bare_databases.append(name)


@pytest.fixture(scope="session")
def idle_databases() -> list[str]:
    """Databases with empty tables that no test uses now."""
    return []


@pytest.fixture
def make_address(
    request: pytest.FixtureRequest, make_folder: Callable[[], Path], idle_databases: list[str]
) -> Iterator[Callable[[str], str]]:
    """Makes the address of an empty store on one of the databases; no two of a test are the same."""
    used = []

    def make(database: str) -> str:
        if database == "sqlite":
            path = make_folder() / "store.db"
            shutil.copyfile(request.getfixturevalue("sqlite_template"), path)
            return str(path)
        socket, template = request.getfixturevalue("postgres"), request.getfixturevalue("postgres_template")
        used.append(
            idle_databases.pop() if idle_databases else postgres_server.make_database(socket, template=template)
        )
        return postgres_server.address_of(socket, used[-1])

    yield make
    for name in used:
        postgres_server.empty_database(request.getfixturevalue("postgres"), name)
        idle_databases.append(name)


@pytest.fixture(params=DATABASES)
def database(request: pytest.FixtureRequest) -> str:
    """Which database: a test that uses it, or `store`, runs on each."""
    return request.param


@pytest.fixture
def store(database: str, make_address: Callable[[str], str]) -> Iterator[Store]:
    """An empty store."""
    opened = open_store(make_address(database))
    yield opened
    opened.close()


@pytest.fixture
def store_to_spoil(
    request: pytest.FixtureRequest, database: str, make_address: Callable[[str], str]
) -> Iterator[Store]:
    """An empty store whose tables the test may change: no other test gets it after that."""
    if database == "sqlite":
        opened = open_store(make_address(database))
    else:
        socket, template = request.getfixturevalue("postgres"), request.getfixturevalue("postgres_template")
        name = postgres_server.make_database(socket, template=template)
        opened = open_store(postgres_server.address_of(socket, name))
    yield opened
    opened.close()


@pytest.fixture
def api(make_address: Callable[[str], str]) -> Iterator[Api]:
    """The API over an empty SQLite store."""
    opened = open_store(make_address("sqlite"))
    made = Api(opened)
    yield made
    made.close()
    opened.close()


@pytest.fixture
def api_on_both(store: Store) -> Iterator[Api]:
    """The API over an empty store, once on each database."""
    made = Api(store)
    yield made
    made.close()
