"""Ray on a cluster of two nodes of one core each, on loopback. Starting it costs most of the time of this module."""

import json
import socket
import sys
from pathlib import Path

import pytest

from plumbline.engine import ByPart, Stage, on_ray, open_engine, open_workspace, run_stage
from plumbline.records import EngineError, MissingExtraError, PlumblineError, SourceError, UsageError
from tests.engine import stages
from tests.engine.contract import CONTRACT
from tests.engine.stages import some_data

# Ray's own warnings and sockets that it leaves to the collector are no fault of ours.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def address():
    """Two nodes, each a set of processes that shares nothing but the file system with the other."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in on_ray.ENVIRONMENT.items():  # before the import, which reads them
            patch.setenv(name, value)
        pytest.importorskip("ray", reason="the extra ray is not installed")
        from ray.cluster_utils import Cluster

        node = {"num_cpus": 1, "object_store_memory": 80 << 20, "node_ip_address": "127.0.0.1"}
        cluster = Cluster(initialize_head=True, head_node_args=node | {"include_dashboard": False})
        try:
            cluster.add_node(**node)
            yield cluster.address
        finally:
            cluster.shutdown()


@pytest.fixture
def engine(address):
    with open_engine("ray", address) as opened:
        yield opened


@pytest.mark.thorough  # a cluster starts a minute; what pieces tell, and what becomes of it, is shown below without one
def test_on_two_nodes(engine, tmp_path, capfd):
    """All in one, since tests of one module may be divided among processes, and each would start a cluster."""
    assert engine.shares == 4
    checks = [*CONTRACT, a_killed_worker_changes_nothing, what_is_unforeseen_is_told_without_its_text]
    for check in checks:
        (tmp_path / check.__name__).mkdir()
        check(engine, tmp_path / check.__name__)
    assert "somebody" not in "".join(capfd.readouterr())


def a_killed_worker_changes_nothing(engine, tmp_path):
    data = some_data(tmp_path / "in")
    told = []
    stage = Stage("killed", 1, stages.killed_once, (ByPart(),), {"folder": str(tmp_path)}, numbered=True)
    with open_workspace(tmp_path / "work", lambda *each: told.append(each)) as workspace:
        made = run_stage(stage, [data], workspace, engine)
    assert (tmp_path / "killed").exists()
    with open_workspace(tmp_path / "calm") as workspace, open_engine("local") as local:
        assert made.digest == run_stage(stage, [data], workspace, local).digest
    assert told == [("killed", done, 4) for done in (1, 2, 3, 4)]
    assert sorted(path.name for path in made.folder.iterdir()) == [
        *(f"part-{number:06d}.parquet" for number in range(4)),
        "stage.json",
    ]


def what_is_unforeseen_is_told_without_its_text(engine, tmp_path):
    with (
        pytest.raises(RuntimeError, match=r"KeyError in piece \d(.|\n)*stages\.py:\d+ quoting") as error,
        open_workspace(tmp_path / "work") as workspace,
    ):
        run_stage(Stage("quoting", 1, stages.quoting, (ByPart(),)), [some_data(tmp_path / "in")], workspace, engine)
    assert "somebody" not in str(error.value)
    logs = [path for path in on_ray_logs().rglob("*") if path.is_file()]
    assert len(logs) > 5
    assert not [path for path in logs if b"what somebody said" in path.read_bytes()]


def on_ray_logs():
    import ray

    return Path(ray._private.worker.global_worker.node.get_logs_dir_path())


# --- without a cluster ---


def test_a_piece_is_not_begun_for_ever(tmp_path):
    marks = tmp_path / "stage" / "marks"
    marks.mkdir(parents=True)
    for _ in range(4):
        told = json.loads(on_ray._attempt({"id": 7}, lambda number: {"x": number}, str(marks))["told"])
        assert told == {"answer": {"x": 7}}
    told = json.loads(on_ray._attempt({"id": 7}, lambda number: {"x": number}, str(marks))["told"])
    with pytest.raises(EngineError, match=r"PL-ENG-005(.|\n)*found piece 7 ended its process 4 times"):
        on_ray._answer(7, told)


def test_a_machine_that_does_not_see_the_folder_says_so(tmp_path):
    told = json.loads(on_ray._attempt({"id": 0}, dict, str(tmp_path / "elsewhere" / "marks"))["told"])
    with pytest.raises(SourceError, match=r"PL-ENG-006(.|\n)*a file system that all its machines share"):
        on_ray._answer(0, told)


def test_every_kind_of_error_comes_back_as_it_is(tmp_path):
    kinds = on_ray._kinds()
    assert len(kinds) > 8
    for kind in kinds.values():

        def work(_, kind=kind):
            raise kind("PL-ENG-001", "there", "a problem", expected="one", found="two", advice="three")

        (tmp_path / kind.__name__).mkdir()
        with pytest.raises(PlumblineError, match=r"a problem\.\n +Expected one, found two\.") as error:
            on_ray._answer(0, json.loads(on_ray._attempt({"id": 0}, work, str(tmp_path / kind.__name__))["told"]))
        assert type(error.value) is kind


def test_an_address_where_nothing_listens_is_refused_at_once():
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        on_ray._require_answer(address)
    for each in (address, f"ray://{address}", "127.0.0.1:99999"):
        with pytest.raises(UsageError, match="PL-ENG-004"):
            on_ray._require_answer(each)


def test_without_ray(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"PL-ENG-003(.|\n)*\[ray\]"), open_engine("ray"):
        pass
