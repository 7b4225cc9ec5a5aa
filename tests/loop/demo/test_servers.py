"""Servers of the demo as processes: one that ends at once is told, one that runs is ended with the block."""

import signal
import socket
import subprocess
import sys
import threading
from urllib.request import urlopen

import pytest

from plumbline.collect.example_studies import write_example
from plumbline.loop.demo.judging import Api
from plumbline.loop.demo.servers import DemoError, running_server


def test_a_server_that_ends_before_it_listens_is_told_with_its_log(tmp_path):
    log = tmp_path / "servers.log"
    with (
        pytest.raises(DemoError, match="PL-DEM-001") as caught,
        running_server(["serve", str(tmp_path / "nothing"), "--port", "0"], log, ready="serving"),
    ):
        pytest.fail("it never listened")
    assert "exit code 2" in caught.value.found
    assert "PL-" in log.read_text()


def test_what_the_server_refuses_is_told_without_what_was_sent(tmp_path):
    words = ["collect", "serve", str(tmp_path / "study"), "--port", "0"]
    write_example(tmp_path / "study", "pairs")
    with running_server(words, tmp_path / "servers.log", ready="its API: ") as server:
        address = server.address
        with urlopen(f"{address}/api/v1/health") as health:
            assert health.status == 200
        assert server.line("choose the owner", 1.0)
        assert server.is_running
        api = Api(address, "no such token")
        with pytest.raises(DemoError, match="PL-DEM-002") as caught:
            api.ask("POST", "/studies/pairs/next", {"text": "lapis lazuli"})
        api.close()
        assert "status 401" in caught.value.found
        assert "lapis" not in str(caught.value)
    assert not server.is_running
    with pytest.raises(DemoError, match="PL-DEM-003"):
        Api(address, "any").ask("GET", "/studies")


def test_a_connection_that_breaks_is_tried_again():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()

        def breaks_once():
            listening.accept()[0].close()
            second, _ = listening.accept()
            with second:
                second.recv(65536)
                second.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{"done":true}')

        server = threading.Thread(target=breaks_once)
        server.start()
        api = Api(f"http://127.0.0.1:{listening.getsockname()[1]}", "token")
        assert api.ask("GET", "/anything") == {"done": True}
        api.close()
        server.join(5)


PARENT = """
import sys, time
from pathlib import Path
from plumbline.loop.demo.servers import running_server
words = ["collect", "serve", sys.argv[1], "--port", "0"]
with running_server(words, Path(sys.argv[1]).with_name("servers.log"), ready="its API: ") as server:
    print(server.address, flush=True)
    time.sleep(60)
"""


def test_no_server_outlives_a_demo_that_is_told_to_end(tmp_path):
    write_example(tmp_path / "study", "pairs")
    command = [sys.executable, "-c", PARENT, str(tmp_path / "study")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        address = process.stdout.readline().strip()
        process.terminate()
        assert process.wait(30) == 128 + signal.SIGTERM
    with pytest.raises(OSError, match="refused"):
        urlopen(f"{address}/api/v1/health", timeout=5)
