"""Calls ASGI apps by hand: what no client sends, and when nobody listens."""

import asyncio
import json

from uvicorn.server import ServerState


async def echo(scope, receive, send):
    """Answers with the body."""
    body = (await receive())["body"]
    await answer(send, body)


async def answer(send, body=b"", status=200, headers=()):
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})
    await send({"type": "http.response.body", "body": body})


def talk(config, conversation):
    """What a conversation with a server says that uvicorn sets up so; takes its reader and writer."""

    async def held():
        state = ServerState()
        config.load()
        server = await asyncio.get_running_loop().create_server(
            lambda: config.http_protocol_class(config, state, {}), "127.0.0.1", 0
        )
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        try:
            async with asyncio.timeout(20):
                return await conversation(reader, writer)
        finally:
            writer.close()
            server.close()

    return asyncio.run(held())


class Answer:
    def __init__(self, sent):
        self.sent = sent
        start = sent[0] if sent else {}
        self.status = start.get("status")
        self.headers = dict(start.get("headers", ()))
        self.body = b"".join(message.get("body", b"") for message in sent[1:])

    def json(self):
        return json.loads(self.body)


def call(app, *messages, method="POST", path="/", headers=(), client=("1.2.3.4", 5), type="http"):
    """What an app sends, given what it receives: messages, or bodies as bytes; after them nothing comes any more."""
    given = [
        {
            "type": "http.request",
            "body": each,
            "more_body": any(isinstance(later, bytes) for later in messages[place + 1 :]),
        }
        if isinstance(each, bytes)
        else each
        for place, each in enumerate(messages or (b"",))
    ]
    sent = []

    async def receive():
        if given:
            return given.pop(0)
        return await asyncio.sleep(3600)

    async def send(message):
        sent.append(message)

    scope = {
        "type": type,
        "method": method,
        "path": path,
        "query_string": b"secret=words",
        "headers": [(name.encode(), value.encode()) for name, value in headers],
        "client": client,
    }
    asyncio.run(app(scope, receive, send))
    return Answer(sent)
