"""A server on loopback that plays an OpenAI-compatible endpoint, well or badly, as each test tells it."""

import json
import threading
import time
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from plumbline.records import Message, Role
from plumbline.sources import EndpointOptions, EndpointSource, LimitSettings, parse_address

SECRET = "lapis lazuli"  # stands in every conversation of these tests, and must stand in no error and no log
CONVERSATION = (Message(Role.HUMAN, f"what is {SECRET}"),)


@dataclass
class ChatServer:
    """What a test sees of the server.

    Attributes:
        port: on 127.0.0.1.
        plans: what to do with the next requests, first come first served; `answer` where none is left.
        bodies, headers: of all requests so far.
        most_at_once: requests under way at the same time, at most.
    """

    port: int = 0
    plans: deque = field(default_factory=deque)
    bodies: list = field(default_factory=list)
    headers: list = field(default_factory=list)
    in_flight: int = 0
    most_at_once: int = 0
    always: object = None
    lock: object = field(default_factory=threading.Lock)
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def address(self):
        return parse_address(f"openai:toy@http://127.0.0.1:{self.port}/v1")

    def source(self, environment=None, **options):
        """A source on this server, with short pauses."""
        given = {"allow_private": True, "retry_seconds": 0.01, "limit": LimitSettings(pause_seconds=0.01), **options}
        return EndpointSource(self.address, EndpointOptions(**given), environment=environment or {})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        chat = self.server.chat
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        with chat.lock:
            chat.bodies.append(body)
            chat.headers.append({name.lower(): value for name, value in self.headers.items()})
            chat.in_flight += 1
            chat.most_at_once = max(chat.most_at_once, chat.in_flight)
            plan = chat.plans.popleft() if chat.plans else (chat.always or answer())
        try:
            plan(self, body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        finally:
            with chat.lock:
                chat.in_flight -= 1

    def do_GET(self):
        with self.server.chat.lock:
            self.server.chat.bodies.append("GET")
        send(self, 200, {})

    def log_message(self, *arguments):
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        pass  # clients that go away in the middle are part of the game


@contextmanager
def chat_server():
    server = _Server(("127.0.0.1", 0), _Handler)
    server.chat = ChatServer(port=server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server.chat
    finally:
        server.chat.over.set()
        server.shutdown()
        thread.join()
        server.server_close()


# --- plans ---


def send(handler, status, body, headers=()):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    handler.send_response(status)
    given = dict(headers)
    handler.send_header("content-type", given.pop("content-type", "application/json"))
    for name, value in given.items():
        handler.send_header(name, value)
    handler.send_header("content-length", str(len(data)))
    handler.end_headers()
    handler.wfile.write(data)


def answer(text=None, *, finish="stop", after=0.0, fingerprint="fp_1"):
    """A whole answer; without a text it tells the request's seed."""

    def plan(handler, body):
        time.sleep(after)
        said = f"reply {body['seed']}" if text is None else text
        common = {"id": "1", "created": 1, "model": "toy-2026-01-02", "system_fingerprint": fingerprint}
        if not body.get("stream"):
            choice = {"index": 0, "message": {"role": "assistant", "content": said}, "finish_reason": finish}
            return send(handler, 200, {**common, "object": "chat.completion", "choices": [choice]})
        begin_stream(handler)
        for piece in [said[at : at + 4] for at in range(0, len(said), 4)]:
            chunk(handler, {**common, "choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]})
        chunk(handler, {**common, "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
        chunk(handler, {**common, "choices": []})
        return end_stream(handler)

    return plan


def status(code, headers=(), body=None):
    """An error whose text repeats the conversation, as those of real endpoints do."""
    said = {"error": {"message": f"cannot answer {SECRET}", "type": "x", "code": None}} if body is None else body
    return lambda handler, _: send(handler, code, said, headers)


def hang(handler, _):
    """Nothing, until the test is over."""
    handler.server.chat.over.wait(20)
    handler.close_connection = True


def drip(handler, _):
    """A byte now and then, so that no single wait is long."""
    begin_stream(handler)
    while not handler.server.chat.over.wait(0.05):
        raw_chunk(handler, b": still there\n\n")


def drop(handler, _):
    """Two pieces, then the connection is cut."""
    begin_stream(handler)
    for _ in range(2):
        chunk(handler, {"choices": [{"index": 0, "delta": {"content": "half a "}, "finish_reason": None}]})
    handler.close_connection = True


def end_without_reason(handler, _):
    """Two pieces and a clean end, but no finish_reason."""
    begin_stream(handler)
    chunk(handler, {"choices": [{"index": 0, "delta": {"content": "half a "}, "finish_reason": None}]})
    end_stream(handler)


def flood(handler, body):
    """Much more than was asked for."""
    if not body.get("stream"):
        return send(handler, 200, b" " * 3_000_000)
    begin_stream(handler)
    for _ in range(3000):
        chunk(handler, {"choices": [{"index": 0, "delta": {"content": "x" * 1000}, "finish_reason": None}]})
    return end_stream(handler)


def stream_of(data):
    """These bytes as an event stream."""

    def plan(handler, _):
        begin_stream(handler)
        raw_chunk(handler, data)
        raw_chunk(handler, b"")

    return plan


def begin_stream(handler):
    handler.send_response(200)
    handler.send_header("content-type", "text/event-stream")
    handler.send_header("transfer-encoding", "chunked")
    handler.end_headers()


def chunk(handler, value):
    raw_chunk(handler, b"data: " + json.dumps(value).encode() + b"\n\n")


def end_stream(handler):
    raw_chunk(handler, b"data: [DONE]\n\n")
    raw_chunk(handler, b"")


def raw_chunk(handler, data):
    handler.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
