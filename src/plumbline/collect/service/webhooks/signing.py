"""Secrets and signatures of webhooks.

Source: Standard Webhooks, specification 1.0.0, "Signature scheme" (symmetric): HMAC-SHA256 over ``id.timestamp.body``,
keyed by the bytes behind ``whsec_``, which are 24 to 64; sent as ``v1,BASE64``.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import b64decode, b64encode
from datetime import datetime

PREFIX = "whsec_"
_SECRET_BYTES = 32


def new_secret() -> str:
    """256 random bits as the specification writes them."""
    return PREFIX + b64encode(secrets.token_bytes(_SECRET_BYTES)).decode("ascii")


def signed_headers(secret: str, message_id: str, body: bytes, at: datetime) -> dict[str, str]:
    """The three headers of a message.

    Args:
        at: when it is sent, in whole seconds; a receiver refuses what is minutes old.
    """
    timestamp = str(int(at.timestamp()))
    signed = f"{message_id}.{timestamp}.".encode() + body
    digest = hmac.new(b64decode(secret.removeprefix(PREFIX)), signed, hashlib.sha256).digest()
    signature = f"v1,{b64encode(digest).decode('ascii')}"
    return {"webhook-id": message_id, "webhook-timestamp": timestamp, "webhook-signature": signature}
