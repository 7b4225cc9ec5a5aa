"""The receiver of docs/how-to/collect.md takes what is signed, once, and nothing else."""

import json
import os
import re
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2

from plumbline.collect.service.webhooks.signing import new_secret, signed_headers
from plumbline.collect.store.outbox import MEANINGS, WebhookEvent

PAGE = (Path(__file__).resolve().parents[2] / "docs/how-to/collect.md").read_text(encoding="utf-8")


def test_the_receiver_of_the_page_verifies_what_it_gets():
    (program,) = re.findall(r"```py\n(import base64, hashlib.*?)```", PAGE, re.DOTALL)
    assert len([line for line in program.splitlines() if line.strip()]) <= 20
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
    secret, now = new_secret(), datetime.now(UTC)
    body = json.dumps({"type": "item.finished", "data": {}}).encode()
    variables = os.environ | {"WEBHOOK_SECRET": secret, "PORT": str(port)}
    running = subprocess.Popen([sys.executable, "-c", program], env=variables, stdout=-1, stderr=-1, text=True)
    try:

        def post(**changes):
            headers = {**signed_headers(secret, "msg_1", body, now), **changes}
            for _ in range(200):
                try:
                    return httpx2.post(f"http://127.0.0.1:{port}/", content=body, headers=headers).status_code
                except httpx2.ConnectError:
                    time.sleep(0.05)
            raise AssertionError("it does not answer")

        old = signed_headers(secret, "msg_2", body, now - timedelta(minutes=6))
        others = ({"webhook-signature": "v1,AAAA"}, {"webhook-id": "msg_2"}, {"webhook-timestamp": "1"}, old)
        assert [post(), post(), *(post(**each) for each in others)] == [204, 204, 401, 401, 401, 401]
    finally:
        running.terminate()
        out, _ = running.communicate(timeout=20)
    assert out == "item.finished\n"


def test_the_page_names_every_event_and_what_it_holds():
    section = PAGE.partition("## Telling another system")[2].partition("\n## ")[0]
    for event in WebhookEvent:
        name = event.value if not event.value.startswith("study.") else f".{event.value.partition('.')[2]}"
        assert name in section, event
        assert all(f"`{field}`" in section for field in MEANINGS[event][1] if event is not WebhookEvent.PING), event
