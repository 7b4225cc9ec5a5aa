"""A receiver of webhooks on the loopback, which does what its path says; and what it was sent."""

import json
import socketserver
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.got.append((self.path, dict(self.headers), body))
        getattr(self, f"_{self.path.strip('/')}")()
        self.close_connection = True

    def do_GET(self):
        self.server.got.append((f"GET {self.path}", {}, b""))
        self._ok()

    def _answer(self, status, **headers):
        self.send_response(status)
        for name, value in {"Content-Length": "0", **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def _ok(self):
        self._answer(204)

    def _fails(self):
        self._answer(500)

    def _gone(self):
        self._answer(410)

    def _elsewhere(self):
        self._answer(302, Location="/secret")

    def _secret(self):
        self._answer(200)

    def _hangs(self):
        self.server.release.wait(20)

    def _waits(self):
        """Hangs, and answers once the test lets it."""
        if self.server.release.wait(60):
            self._ok()

    def _closes(self):
        self.connection.close()

    def _floods(self):
        """A body without end, after a status that says all is well."""
        self._answer(200, **{"Content-Length": str(1 << 40)})
        while not self.server.release.is_set():
            try:
                self.wfile.write(b"x" * 65536)
            except OSError:
                return
            self.server.flooded += 65536

    def _babbles(self):
        """A header without end."""
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
        for _ in range(400):
            try:
                self.wfile.write(b"x" * 65536)
            except OSError:
                return

    def log_message(self, *args):
        pass


class Receiver(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 50

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.got, self.flooded, self.release = [], 0, threading.Event()

    def handle_error(self, request, client_address):
        """A client that went away."""

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def messages(self, path="/ok"):
        return [json.loads(body) for found, _, body in self.got if found == path]

    def wait_for(self, count, path="/ok", seconds=60):
        end = time.monotonic() + seconds
        while len(self.messages(path)) < count:
            assert time.monotonic() < end, (count, [each[0] for each in self.got])
            time.sleep(0.02)
        return self.messages(path)


@contextmanager
def receiver():
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.release.set()
        server.shutdown()
        server.server_close()
        thread.join()
